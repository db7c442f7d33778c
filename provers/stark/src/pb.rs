//! The messages of `proto/` (build.rs makes their code).

pub mod program {
    tonic::include_proto!("multiprover.program.v1");
}

pub mod prover {
    tonic::include_proto!("multiprover.prover.v1");
}
