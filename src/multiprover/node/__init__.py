"""The node: a sequencer with batches, proof jobs and storage."""
