//! A worker's connections by index; a generation tells those apart that had the same place.

use crate::connection::Connection;

#[derive(Default)]
struct Place {
    generation: u32,
    connection: Option<Box<Connection>>,
}

/// The connections of one worker.
#[derive(Default)]
pub(crate) struct Table {
    places: Vec<Place>,
    free: Vec<u32>,
    len: usize,
}

impl Table {
    /// The (index, generation) that the next connection will have.
    pub(crate) fn next_key(&self) -> (u32, u32) {
        match self.free.last() {
            Some(&index) => (index, self.places[index as usize].generation),
            None => (self.places.len() as u32, 0),
        }
    }

    /// Puts a connection at `next_key`.
    pub(crate) fn insert(&mut self, connection: Box<Connection>) {
        match self.free.pop() {
            Some(index) => self.places[index as usize].connection = Some(connection),
            None => self.places.push(Place { generation: 0, connection: Some(connection) }),
        }
        self.len += 1;
    }

    /// The connection at a place, whichever it is.
    pub(crate) fn at(&mut self, index: u32) -> Option<&mut Connection> {
        self.places.get_mut(index as usize)?.connection.as_deref_mut()
    }

    /// This very connection, if it is still there.
    pub(crate) fn get(&mut self, index: u32, generation: u32) -> Option<&mut Connection> {
        let place = self.places.get_mut(index as usize)?;
        if place.generation == generation { place.connection.as_deref_mut() } else { None }
    }

    /// Frees a place; its socket closes.
    pub(crate) fn remove(&mut self, index: u32) {
        let place = &mut self.places[index as usize];
        if place.connection.take().is_some() {
            place.generation = place.generation.wrapping_add(1);
            self.free.push(index);
            self.len -= 1;
        }
    }

    /// How many connections there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// One more than the highest index in use.
    pub(crate) fn end(&self) -> u32 {
        self.places.len() as u32
    }
}
