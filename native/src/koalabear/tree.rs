//! The sparse Merkle tree of a map in memory: nodes equal to the default subtree of their level are not kept.

use super::field::Digest;
use super::poseidon2::compress;
use std::collections::{BTreeMap, HashMap};

pub struct Tree {
    /// Level 0 holds the leaves, the last one the root.
    levels: Vec<Level>,
}

struct Level {
    default: Digest,
    nodes: HashMap<u64, Digest>,
}

impl Level {
    fn get(&self, index: u64) -> Digest {
        self.nodes.get(&index).copied().unwrap_or(self.default)
    }

    fn put(&mut self, index: u64, node: Digest) {
        if node == self.default {
            self.nodes.remove(&index);
        } else {
            self.nodes.insert(index, node);
        }
    }
}

/// The root that `leaf` at `index` gives with `siblings`, from the leaf up.
pub fn climb(leaf: Digest, index: u64, siblings: &[Digest]) -> Digest {
    let mut node = leaf;
    for (level, sibling) in siblings.iter().enumerate() {
        let right = index >> level & 1 == 1;
        node = if right { compress(sibling, &node) } else { compress(&node, sibling) };
    }
    node
}

impl Tree {
    pub fn new(depth: u32, default_leaf: Digest) -> Self {
        let mut default = default_leaf;
        let mut levels = vec![Level { default, nodes: HashMap::new() }];
        for _ in 0..depth {
            default = compress(&default, &default);
            levels.push(Level { default, nodes: HashMap::new() });
        }
        Tree { levels }
    }

    pub fn depth(&self) -> u32 {
        self.levels.len() as u32 - 1
    }

    pub fn root(&self) -> Digest {
        self.levels[self.levels.len() - 1].get(0)
    }

    /// The siblings of leaf `index`, from the leaf up; `index` has been checked.
    pub fn siblings(&self, index: u64) -> Vec<Digest> {
        let below_root = &self.levels[..self.levels.len() - 1];
        below_root.iter().enumerate().map(|(level, nodes)| nodes.get(index >> level ^ 1)).collect()
    }

    /// Replace leaves, whose indices have been checked; a node above several of them is hashed once.
    pub fn set(&mut self, leaves: BTreeMap<u64, Digest>) {
        let mut changed = leaves;
        for level in 0..self.levels.len() {
            for (&index, &node) in &changed {
                self.levels[level].put(index, node);
            }
            if level + 1 == self.levels.len() {
                break;
            }
            let below = &self.levels[level];
            let mut above = BTreeMap::new();
            for &index in changed.keys() {
                let parent = index >> 1;
                above
                    .entry(parent)
                    .or_insert_with(|| compress(&below.get(parent << 1), &below.get(parent << 1 | 1)));
            }
            changed = above;
        }
    }
}
