// Compiles contracts/*.sol and writes the artefact that the Python client reads: node build.mjs CONTRACTS ARTEFACT
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import solc from "solc";

// What is deployed by itself, or tested; the others are parts of these.
const DEPLOYED = ["Halo2Adapter", "Plonky2Adapter", "StarkAdapter", "StarkConstraints"];

const settings = {
    evmVersion: "prague",
    viaIR: true,
    optimizer: { enabled: true, runs: 1_000_000 },
    // Nothing in the bytecode depends on comments or paths.
    metadata: { bytecodeHash: "none", appendCBOR: false },
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } },
};

const [folder, artefact] = process.argv.slice(2);
const sources = {};
const hashes = {};
for (const name of readdirSync(folder).filter((name) => name.endsWith(".sol")).sort()) {
    const content = readFileSync(join(folder, name), "utf8");
    sources[name] = { content };
    hashes[name] = createHash("sha256").update(content).digest("hex");
}

const output = JSON.parse(solc.compile(JSON.stringify({ language: "Solidity", sources, settings })));
const errors = (output.errors ?? []).filter((error) => error.severity === "error");
if (errors.length > 0) {
    console.error(errors.map((error) => error.formattedMessage).join("\n"));
    process.exitCode = 1;
} else {
    const contracts = {};
    for (const name of DEPLOYED) {
        const { abi, evm } = output.contracts[`${name}.sol`][name];
        contracts[name] = {
            abi,
            bytecode: evm.bytecode.object,
            runtime_bytes: evm.deployedBytecode.object.length / 2,
        };
    }
    const { outputSelection, ...chosen } = settings;
    const text = JSON.stringify({ compiler: solc.version(), settings: chosen, sources: hashes, contracts }, null, 1);
    writeFileSync(artefact, `${text}\n`);
}
