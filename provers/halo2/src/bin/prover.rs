//! `prover --listen unix:///path.sock --cache DIR [--setup FILE]`: serves the proof type `halo2` (docs/prover.md).
//!
//! `FILE` holds a ceremony's powers of tau (`setup`); without it, parameters are made here and labelled insecure.

use std::path::PathBuf;
use std::process::ExitCode;

use multiprover_halo2::keys::Cache;
use multiprover_halo2::pb::prover as pb;
use multiprover_halo2::setup::{HASH_BYTES, Setup};
use multiprover_halo2::{server, worker};

#[derive(Default)]
struct Arguments {
    listen: Option<String>,
    cache: Option<PathBuf>,
    setup: Option<PathBuf>,
    /// With which call, for a worker.
    worker: Option<String>,
    /// Of the setup's file when the server started, for a worker.
    setup_hash: Option<String>,
}

fn arguments() -> anyhow::Result<Arguments> {
    let mut arguments = Arguments::default();
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let value = given.next().ok_or_else(|| anyhow::anyhow!("{name} wants a value"))?;
        match name.as_str() {
            "--listen" => arguments.listen = Some(value),
            "--cache" => arguments.cache = Some(value.into()),
            "--setup" => arguments.setup = Some(value.into()),
            "--worker" => arguments.worker = Some(value),
            "--setup-hash" => arguments.setup_hash = Some(value),
            _ => anyhow::bail!("unknown argument {name}: expected --listen unix:///path.sock --cache DIR [--setup FILE]"),
        }
    }
    Ok(arguments)
}

fn hash(digits: &str) -> anyhow::Result<[u8; HASH_BYTES]> {
    anyhow::ensure!(digits.len() == 2 * HASH_BYTES && digits.is_ascii(), "expected {HASH_BYTES} bytes of hexadecimal digits");
    let mut bytes = [0; HASH_BYTES];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * i..2 * i + 2], 16)?;
    }
    Ok(bytes)
}

fn run() -> anyhow::Result<()> {
    #[cfg(target_arch = "x86_64")]
    if !(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2") && is_x86_feature_detected!("adx")) {
        anyhow::bail!("this build needs a processor with AVX2, BMI2 and ADX: build it for another (.cargo/config.toml)");
    }
    let Arguments { listen, cache, setup, worker, setup_hash } = arguments()?;
    let folder = cache.ok_or_else(|| anyhow::anyhow!("expected --cache DIR"))?;
    let setup = match (setup, setup_hash) {
        (None, _) => Setup::Local,
        (Some(file), Some(digits)) => Setup::Ceremony { file, hash: hash(&digits)? },
        (Some(file), None) => Setup::ceremony(&file)?,
    };
    let cache = Cache { folder, setup };
    match (worker.as_deref(), listen) {
        (Some("prepare"), _) => worker::child::<pb::PrepareRequest>(&cache),
        (Some("prove"), _) => worker::child::<pb::ProveRequest>(&cache),
        (Some(other), _) => anyhow::bail!("there is no worker {other}"),
        (None, Some(address)) => tokio::runtime::Runtime::new()?.block_on(server::serve(&address, cache)),
        (None, None) => anyhow::bail!("expected --listen unix:///path.sock"),
    }
}

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| server::log("error", &format!("panic: {panic}"))));
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            server::log("error", &format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
