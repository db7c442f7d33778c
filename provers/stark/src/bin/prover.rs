//! `prover --listen unix:///path.sock --cache DIR [--native]`: serves the proof type `stark` (docs/prover.md).
//!
//! With `--native` proofs are quicker to make and larger, and no contract takes them.

use std::process::ExitCode;

use multiprover_stark::keys::{Cache, Form};
use multiprover_stark::{server, worker};

const USAGE: &str = "expected --listen unix:///path.sock --cache DIR [--native]";

fn run() -> anyhow::Result<()> {
    #[cfg(target_arch = "x86_64")]
    if !(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2")) {
        anyhow::bail!("this build needs a processor with AVX2 and BMI2: build it for another (.cargo/config.toml)");
    }
    let (mut listen, mut folder, mut form, mut is_worker) = (None, None, Form::L1, false);
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let mut value = || given.next().ok_or_else(|| anyhow::anyhow!("{name} wants a value: {USAGE}"));
        match name.as_str() {
            "--listen" => listen = Some(value()?),
            "--cache" => folder = Some(value()?),
            "--native" => form = Form::Native,
            "--worker" => is_worker = true,
            _ => anyhow::bail!("unknown argument {name}: {USAGE}"),
        }
    }
    let folder = folder.ok_or_else(|| anyhow::anyhow!("no --cache: {USAGE}"))?;
    let cache = Cache { folder: folder.into(), form };
    if is_worker {
        return worker::serve(&cache);
    }
    let listen = listen.ok_or_else(|| anyhow::anyhow!("no --listen: {USAGE}"))?;
    tokio::runtime::Runtime::new()?.block_on(server::serve(&listen, cache))
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
