//! Routes that a connection has used, so that a publish mostly asks nobody.

use crate::limits::ROUTES_MAX;
use foldhash::fast::RandomState;
use narumq_broker::Route;
use std::collections::HashMap;

/// The last route of one channel: the first thing a publish looks at.
#[derive(Debug, Default)]
pub(crate) struct LastRoute {
    version: u64,
    exchange: Vec<u8>,
    key: Vec<u8>,
    route: Option<Route>,
}

impl LastRoute {
    #[inline]
    fn find(&self, version: u64, exchange: &[u8], key: &[u8]) -> Option<&Route> {
        let route = self.route.as_ref()?;
        (self.version == version && self.key == key && self.exchange == exchange).then_some(route)
    }

    fn set(&mut self, version: u64, exchange: &[u8], key: &[u8], route: Route) {
        self.version = version;
        self.exchange.clear();
        self.exchange.extend_from_slice(exchange);
        self.key.clear();
        self.key.extend_from_slice(key);
        self.route = Some(route);
    }
}

/// All routes of a connection that are still good, up to a bound.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    version: u64,
    known: HashMap<Box<[u8]>, Route, RandomState>,
    name: Vec<u8>,
}

impl Routes {
    /// The route of an exchange and key under this version of the topology, asked for by `resolve` if it is not known.
    #[inline]
    pub(crate) fn find<'a, E>(
        &'a mut self,
        last: &'a mut LastRoute,
        version: u64,
        (exchange, key): (&[u8], &[u8]),
        resolve: impl FnOnce() -> Result<Route, E>,
    ) -> Result<RouteRef<'a>, E> {
        if last.find(version, exchange, key).is_some() {
            return Ok(RouteRef::Known(last.route.as_ref().expect("it was just found")));
        }
        self.find_known(last, version, (exchange, key), resolve)
    }

    fn find_known<'a, E>(
        &'a mut self,
        last: &'a mut LastRoute,
        version: u64,
        (exchange, key): (&[u8], &[u8]),
        resolve: impl FnOnce() -> Result<Route, E>,
    ) -> Result<RouteRef<'a>, E> {
        if self.version != version {
            self.known.clear();
            self.version = version;
        }
        // A short string's length in front keeps ("a", "bc") and ("ab", "c") apart.
        self.name.clear();
        self.name.push(exchange.len() as u8);
        self.name.extend_from_slice(exchange);
        self.name.extend_from_slice(key);
        if self.known.contains_key(&self.name[..]) {
            return Ok(RouteRef::Known(&self.known[&self.name[..]]));
        }
        let route = resolve()?;
        if !route.reusable() {
            return Ok(RouteRef::Once(route));
        }
        if self.known.len() >= ROUTES_MAX {
            self.known.clear();
        }
        self.known.insert(self.name.as_slice().into(), route.clone());
        last.set(version, exchange, key, route.clone());
        Ok(RouteRef::Once(route))
    }
}

/// A route that is remembered, or good for one message only.
pub(crate) enum RouteRef<'a> {
    Known(&'a Route),
    Once(Route),
}

impl RouteRef<'_> {
    /// The route.
    #[inline]
    pub(crate) fn get(&self) -> &Route {
        match self {
            Self::Known(route) => route,
            Self::Once(route) => route,
        }
    }
}
