//! Topic exchanges: binding keys are patterns of '.'-separated words in which `*` is exactly one word and `#` any
//! number of words, none included.
//!
//! The empty key has no word, every other key has one word more than dots, so words may be empty. The patterns form a
//! trie. A routing key is followed through it by the set of all nodes that its words so far lead to, word by word, as
//! a nondeterministic automaton: no node is in the set twice, so the work is at most words * nodes, whatever the
//! patterns. Inside a run of wildcards the stars come first and all `#` become one behind them, which matches the same
//! (`#.*.#` and `*.#`: at least one word) and keeps patterns of nothing but wildcards from filling the trie.

use super::places::{Place, Places};
use foldhash::HashMap;
use smallvec::SmallVec;

/// The index of a node; 0 is the root.
type NodeIndex = u32;
const ROOT: NodeIndex = 0;

/// One word of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step<'a> {
    Word(&'a [u8]),
    /// `*`
    One,
    /// `#`; never two in a row.
    Many,
}

#[derive(Debug, Default)]
struct Node {
    words: HashMap<Box<[u8]>, NodeIndex>,
    one: Option<NodeIndex>,
    many: Option<NodeIndex>,
    /// The bindings whose pattern ends here.
    places: Places,
}

impl Node {
    fn child(&self, step: Step<'_>) -> Option<NodeIndex> {
        match step {
            Step::Word(word) => self.words.get(word).copied(),
            Step::One => self.one,
            Step::Many => self.many,
        }
    }

    fn is_leaf(&self) -> bool {
        self.words.is_empty() && self.one.is_none() && self.many.is_none()
    }
}

/// The patterns of a topic exchange.
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    free: Vec<NodeIndex>,
}

impl Trie {
    /// No patterns.
    pub(super) fn new() -> Self {
        Self { nodes: vec![Node::default()], free: Vec::new() }
    }

    /// Adds a binding.
    pub(super) fn insert(&mut self, pattern: &[u8], place: Place) {
        let mut node = ROOT;
        for step in steps(pattern) {
            node = match self.nodes[node as usize].child(step) {
                Some(child) => child,
                None => self.grow(node, step),
            };
        }
        self.nodes[node as usize].places.insert(place);
    }

    /// Removes a binding, and the nodes that only its pattern needed.
    pub(super) fn remove(&mut self, pattern: &[u8], place: Place) {
        let mut path = SmallVec::<[(NodeIndex, Step<'_>); 16]>::new();
        let mut node = ROOT;
        for step in steps(pattern) {
            let Some(child) = self.nodes[node as usize].child(step) else { return };
            path.push((node, step));
            node = child;
        }
        self.nodes[node as usize].places.remove(place);
        while let Some((parent, step)) = path.pop() {
            let this = &mut self.nodes[node as usize];
            if !this.is_leaf() || !this.places.is_empty() {
                break;
            }
            *this = Node::default(); // gives back the memory of its map
            self.free.push(node);
            let parent_node = &mut self.nodes[parent as usize];
            match step {
                Step::Word(word) => drop(parent_node.words.remove(word)),
                Step::One => parent_node.one = None,
                Step::Many => parent_node.many = None,
            }
            node = parent;
        }
    }

    /// Calls `found` once per binding whose pattern matches. Returns how often it looked at a node.
    pub(super) fn matches(&self, key: &[u8], found: &mut impl FnMut(Place)) -> usize {
        let mut walk = Walk { trie: self, reached: SmallVec::new(), staying: SmallVec::new(), seen: SmallVec::new() };
        let mut looks = 1;
        walk.reach(ROOT, found);
        let mut from = SmallVec::<[NodeIndex; 32]>::new();
        for word in words(key) {
            from.clear();
            std::mem::swap(&mut from, &mut walk.reached);
            // Those that begin to stay with this word have already taken it: they act from the next one on.
            let staying = walk.staying.len();
            looks += from.len() + staying;
            for &node in &from {
                walk.advance(node, word, found);
            }
            for i in 0..staying {
                walk.advance(walk.staying[i], word, found);
            }
            if walk.reached.is_empty() && walk.staying.is_empty() {
                return looks;
            }
        }
        for &node in &walk.reached {
            self.nodes[node as usize].places.iter().for_each(&mut *found);
        }
        looks
    }

    /// How many nodes are in use, the root included.
    #[cfg(test)]
    pub(super) fn nodes(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    fn grow(&mut self, parent: NodeIndex, step: Step<'_>) -> NodeIndex {
        let child = self.free.pop().unwrap_or_else(|| {
            self.nodes.push(Node::default());
            NodeIndex::try_from(self.nodes.len() - 1).expect("memory ends before 2^32 nodes of over 64 bytes")
        });
        let parent = &mut self.nodes[parent as usize];
        match step {
            Step::Word(word) => drop(parent.words.insert(word.into(), child)),
            Step::One => parent.one = Some(child),
            Step::Many => parent.many = Some(child),
        }
        child
    }
}

/// Where a routing key has led so far.
struct Walk<'t> {
    trie: &'t Trie,
    /// Nodes behind a word or `*` that the last word led to. Each has one parent and one way from it, so that each
    /// comes here at most once per word.
    reached: SmallVec<[NodeIndex; 32]>,
    /// Nodes behind `#` with more pattern to come. A `#` takes any word, so that they stay to the end.
    staying: SmallVec<[NodeIndex; 16]>,
    /// The nodes behind `#` that have been reached, one bit each: they can be reached again by a later word.
    seen: SmallVec<[u64; 16]>,
}

impl Walk<'_> {
    /// Takes one word from a node.
    fn advance(&mut self, node: NodeIndex, word: &[u8], found: &mut impl FnMut(Place)) {
        let node = &self.trie.nodes[node as usize];
        if let Some(&child) = node.words.get(word) {
            self.reach(child, found);
        }
        if let Some(child) = node.one {
            self.reach(child, found);
        }
    }

    /// Notes a node, and the `#` behind it, which needs no word. A pattern that ends in `#` matches at once.
    fn reach(&mut self, node: NodeIndex, found: &mut impl FnMut(Place)) {
        self.reached.push(node);
        let Some(many) = self.trie.nodes[node as usize].many else { return };
        if self.see(many) {
            let behind = &self.trie.nodes[many as usize];
            behind.places.iter().for_each(found);
            if !behind.is_leaf() {
                self.staying.push(many);
            }
        }
    }

    /// Whether a node was not seen before.
    fn see(&mut self, node: NodeIndex) -> bool {
        let (index, bit) = (node as usize / 64, 1 << (node % 64));
        if index >= self.seen.len() {
            self.seen.resize(index + 1, 0);
        }
        let new = self.seen[index] & bit == 0;
        self.seen[index] |= bit;
        new
    }
}

/// The words of a key: none in the empty key, else one more than it has dots.
pub(super) fn words(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    key.split(|&byte| byte == b'.').filter(move |_| !key.is_empty())
}

/// The steps of a pattern: in each run of wildcards the stars first, then at most one `#`.
fn steps(pattern: &[u8]) -> SmallVec<[Step<'_>; 16]> {
    let mut steps = SmallVec::new();
    let mut many = false;
    for word in words(pattern) {
        match word {
            b"*" => steps.push(Step::One),
            b"#" => many = true,
            _ => {
                steps.extend(std::mem::take(&mut many).then_some(Step::Many));
                steps.push(Step::Word(word));
            }
        }
    }
    steps.extend(many.then_some(Step::Many));
    steps
}
