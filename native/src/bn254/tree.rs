//! A sparse Merkle tree in memory: only nodes that differ from the default subtree of their level are kept.

use super::field::Fr;
use super::poseidon2::node;
use std::collections::{BTreeMap, HashMap};

pub struct Tree {
    depth: u32,
    /// `defaults[i]` is the root of a subtree of height `i` with default leaves only.
    defaults: Vec<Fr>,
    /// `levels[i]` holds the nodes of height `i` by their index; the last one holds the root.
    levels: Vec<HashMap<u64, Fr>>,
}

/// The root that `leaf` at `index` gives with `siblings`, from the leaf up; `index` has been checked.
pub fn root_from_path(leaf: Fr, index: u64, siblings: &[Fr]) -> Fr {
    siblings.iter().enumerate().fold(leaf, |current, (level, sibling)| {
        if index >> level & 1 == 1 { node(sibling, &current) } else { node(&current, sibling) }
    })
}

impl Tree {
    pub fn new(depth: u32, default_leaf: Fr) -> Self {
        let defaults: Vec<Fr> = std::iter::successors(Some(default_leaf), |below| Some(node(below, below)))
            .take(depth as usize + 1)
            .collect();
        Tree { depth, levels: vec![HashMap::new(); defaults.len()], defaults }
    }

    pub fn depth(&self) -> u32 {
        self.depth
    }

    fn get(&self, level: usize, index: u64) -> Fr {
        self.levels[level].get(&index).copied().unwrap_or(self.defaults[level])
    }

    fn put(&mut self, level: usize, index: u64, value: Fr) {
        if value == self.defaults[level] {
            self.levels[level].remove(&index);
        } else {
            self.levels[level].insert(index, value);
        }
    }

    pub fn root(&self) -> Fr {
        self.get(self.depth as usize, 0)
    }

    /// The siblings of leaf `index`, from the leaf up.
    pub fn siblings(&self, index: u64) -> Vec<Fr> {
        (0..self.depth as usize).map(|level| self.get(level, index >> level ^ 1)).collect()
    }

    /// Replace leaves; a node above several of them is hashed once.
    pub fn set(&mut self, leaves: BTreeMap<u64, Fr>) {
        let mut changed: Vec<u64> = leaves.keys().copied().collect();
        for (index, leaf) in leaves {
            self.put(0, index, leaf);
        }
        for level in 0..self.depth as usize {
            for index in &mut changed {
                *index >>= 1;
            }
            changed.dedup();
            for &parent in &changed {
                let value = node(&self.get(level, parent << 1), &self.get(level, parent << 1 | 1));
                self.put(level + 1, parent, value);
            }
        }
    }
}
