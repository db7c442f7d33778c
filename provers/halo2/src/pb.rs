//! Generated code of `proto/`.

pub mod program {
    tonic::include_proto!("multiprover.program.v1");
}

pub mod prover {
    tonic::include_proto!("multiprover.prover.v1");
}
