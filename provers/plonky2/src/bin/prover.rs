//! `prover --listen unix:///path.sock --cache DIR [--native]`: serves the proof type `plonky2` (docs/prover.md).
//!
//! With `--native` proofs are the batch's own, without the two recursions to the proof for L1: no contract takes them.

use multiprover_plonky2::keys::{Cache, Form};
use multiprover_plonky2::pb::prover as pb;
use multiprover_plonky2::{server, worker};

struct Arguments {
    listen: Option<String>,
    cache: Cache,
    worker: Option<String>,
}

fn arguments() -> anyhow::Result<Arguments> {
    let (mut listen, mut cache, mut worker, mut form) = (None, None, None, Form::L1);
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let place = match name.as_str() {
            "--listen" => &mut listen,
            "--cache" => &mut cache,
            "--worker" => &mut worker,
            "--native" => {
                form = Form::Native;
                continue;
            }
            _ => anyhow::bail!("unknown argument {name}: expected --listen unix:///path.sock --cache DIR [--native]"),
        };
        *place = Some(given.next().ok_or_else(|| anyhow::anyhow!("{name} wants a value"))?);
    }
    let folder = cache.ok_or_else(|| anyhow::anyhow!("expected --cache DIR"))?.into();
    Ok(Arguments { listen, cache: Cache { folder, form }, worker })
}

fn main() -> std::process::ExitCode {
    std::panic::set_hook(Box::new(|info| server::log("error", &format!("panic: {info}"))));
    match run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            server::log("error", &format!("{error:#}"));
            std::process::ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    #[cfg(target_arch = "x86_64")]
    if !(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2")) {
        anyhow::bail!("this build needs a processor with AVX2 and BMI2: build it with another target-cpu (.cargo/config.toml)");
    }
    let arguments = arguments()?;
    match (arguments.worker.as_deref(), arguments.listen) {
        (Some("prepare"), _) => worker::child::<pb::PrepareRequest>(&arguments.cache),
        (Some("prove"), _) => worker::child::<pb::ProveRequest>(&arguments.cache),
        (Some(other), _) => anyhow::bail!("no worker {other}"),
        (None, Some(listen)) => tokio::runtime::Runtime::new()?.block_on(server::serve(&listen, &arguments.cache)),
        (None, None) => anyhow::bail!("expected --listen unix:///path.sock"),
    }
}
