// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "./Plonky2Shape.sol";

/// @title The arithmetic of the final plonky2 circuit: the hash of its public inputs, and the identities at zeta
/// @notice Has no state and no owner. plonky2 1.1.0: plonk/vanishing_poly.rs, gates/*.rs, hash/poseidon.rs; eprint
///         2019/953 (PLONK), 2019/458 (Poseidon).
/// @dev Fields. F is GF(p), p = 2^64 - 2^32 + 1; K is F[X]/(X² - 7), an element u + v·X is two numbers (u, v). The
///      gates' own extension elements are two wires each, so here they are elements of K[Y]/(Y² - 7).
///      Numbers are kept below p ("reduced") unless a comment says otherwise; where they are not, they stay far below
///      2^256, so that nothing here overflows though nothing is checked. x - y is x + p - y with y reduced.
///      Memory. Elements of K take two words and are named by the address of the first. All addresses are fixed: what
///      lies where stands below.
contract Plonky2Constraints {
    uint256 private constant OPENINGS_AT = 0x1000;
    uint256 private constant SIGMAS_AT = OPENINGS_AT + 64 * NUM_CONSTANTS;
    uint256 private constant WIRES_AT = SIGMAS_AT + 64 * NUM_ROUTED;
    uint256 private constant ZS_AT = WIRES_AT + 64 * NUM_WIRES;
    uint256 private constant PARTIALS_AT = ZS_AT + 64 * NUM_CHALLENGES;
    uint256 private constant QUOTIENTS_AT = PARTIALS_AT + 64 * NUM_CHALLENGES * NUM_PARTIALS;
    uint256 private constant ZS_NEXT_AT = QUOTIENTS_AT + 64 * NUM_CHALLENGES * QUOTIENT_FACTOR;
    uint256 private constant OPENINGS_END = ZS_NEXT_AT + 64 * NUM_CHALLENGES;

    /// What must vanish on the subgroup, in the order of the powers of alpha: L_0 (Z - 1), the products, the gates.
    uint256 private constant TERMS_AT = OPENINGS_END;
    uint256 private constant PRODUCT_TERMS_AT = TERMS_AT + 64 * NUM_CHALLENGES;
    uint256 private constant GATE_TERMS_AT = PRODUCT_TERMS_AT + 64 * NUM_CHALLENGES * (NUM_PARTIALS + 1);
    uint256 private constant TERMS_END = GATE_TERMS_AT + 64 * NUM_GATE_CONSTRAINTS;

    uint256 private constant BETAS_AT = TERMS_END; // elements of F
    uint256 private constant GAMMAS_AT = BETAS_AT + 32 * NUM_CHALLENGES;
    uint256 private constant ALPHAS_AT = GAMMAS_AT + 32 * NUM_CHALLENGES;
    uint256 private constant ZETA_AT = ALPHAS_AT + 32 * NUM_CHALLENGES;
    uint256 private constant ZETA_N_AT = ZETA_AT + 64; // zeta^n, n rows
    uint256 private constant FILTER_AT = ZETA_N_AT + 64; // of the gate that is being evaluated
    uint256 private constant STATE_AT = FILTER_AT + 64; // of Poseidon: twelve elements of K
    uint256 private constant IDS_AT = STATE_AT + 64 * 12; // of the routed wires: k_j · zeta
    uint256 private constant SCRATCH_AT = IDS_AT + 64 * NUM_ROUTED;
    uint256 private constant MEMORY_END = SCRATCH_AT + 64 * 16;

    uint256 private constant LANE = 86; // bits
    uint256 private constant LANE_MASK = (1 << LANE) - 1;
    uint256 private constant TABLE_ZEROS = 128 * 30; // in the table of round constants, behind those of all rounds

    /// The constants of the gates stand behind the selectors.
    uint256 private constant CONSTANT_0 = OPENINGS_AT + 64 * NUM_SELECTORS;
    uint256 private constant CONSTANT_1 = CONSTANT_0 + 64;

    /// The round constants of Poseidon-12 over F, three a word, in lanes of 86 bits, the first lowest; 4 words a round.
    bytes private constant ROUND_CONSTANTS =
        hex"00000b2fb0d31cee799b4000001dd1a957d0e486b5c00000b585f766f2144405"
        hex"000008cae14cb07d09bf10000038435999943d38048000000f6760a4803427d7"
        hex"00000cdc4a239b0c44426000003bde071f38d6d30f400000d438539c95f63e9f"
        hex"00000c54302f225db2c7600000385d94e8a7695e28400000277fa208bf337bff"
        hex"00000c3b919ad495dc57400000167346a29070639540000086287821f722c881"
        hex"000006e4a40c18f30c09c000000c22ef48f71505b3000000a484c4c5ef6a0781"
        hex"00000d5c7718fbfc647fb0000038d831b82b921bce0000009a2eedb70d8f8cfa"
        hex"00000c0572c8c08cbbbad0000021270995a5a712f9c00000c35eae071903ff0b"
        hex"00000f7d713e806391165000003d5bdb5225669803400000e9fa634a21de0082"
        hex"00000ac51d9f5fcf8535e000002b5a017838c2cb228000008297132b32825daf"
        hex"0000066bbd30e6ce0e5830000015e855430442cc10400000502ad7dc18c2ad87"
        hex"0000028b8ec3ae9c29633000003c1849d3f6c543584000000da2abef589d644e"
        hex"00000019d5ee2af82ec1c000001c39d07affba596180000092a756e67e2b9413"
        hex"0000061df517b86a46439000001f3d05b3f9f853284000006f6f2ed772466352"
        hex"00000e8be3e5da8043e570000012e566d22e7041ccc0000085dc499b11d77b75"
        hex"00000a637093ecb2ad63100000102c4b2fc27bdd2fc00000f5c0bc1de6da8699"
        hex"000006f49de07a6234346000000b91e77055efcc6ec000003cc3f892184df408"
        hex"00000a2de45780344d6a10000016c10c4d17537aa0c00000213ce7bede378d7b"
        hex"00000a9ceb74fec0247470000014c9bf0365c9e4c04000007103aaf94a7bf308"
        hex"00000fac6ff1346a41675000003f3ad3f6877b4224c0000027f8ec88bb21b1a3"
        hex"00000ad535b24afc26bfb0000024d440d82558c3e7c000007131aa45268d7d8c"
        hex"00000241c70ed0af616170000019173de52e3c73160000004627f5c6993e44be"
        hex"00000e7ea5e33e75fffb6000000dcdfa76d313d1d3400000acb8e076647905f1"
        hex"000000b65481ba645c60200000346c7b7ddaf0272480000090dee49fc9bfc23a"
        hex"00000b60de3bcc5ea751c0000010e29f247505b29340000099ad1aab0814283b"
        hex"000005e7b329c1ed4ad71000001a697b64a9cbb93fc00000c99cab6aef6f58bc"
        hex"000000ade699c5830f310000000cb6e0a48e5dd3b28000005fc0ac0800144885"
        hex"000006604df4fee32bcb1000002177e7b4b859b593c000007cc5583b10415f21"
        hex"000008f97fe408061f183000003698220d3103980f400000eb84f608da56ef48"
        hex"00000cee3e9ac1e0721190000019c13a3ba3c63558c00000a93f485c96f37b89"
        hex"000000b508cdeffa5ceef000003d8c8fd21ae40e3c000000510d0e65e2b470c1"
        hex"00000a6217d8bf660f29c000001839d70a243455cc000000f2417089e4fb3cbd"
        hex"000000d3f3e5e82920adc0000020e6d3a3ebfab5500000007159cd30c3ac118e"
        hex"00000eb915845f3de1634000001e03c890fa81c7418000008f7d83bddee7bba8"
        hex"00000cb5fd54e7933e47700000005bb94e9f97fb31800000d19e120d26b6f386"
        hex"000005d693c1ba3ba36210000027088642f9fdd1cc800000acb8417879fd449f"
        hex"00000e273fd971bc8d0e7000000f58e498f6a09ec4c00000dcef0797c2b69ec7"
        hex"000002cbaed4daec8c07c0000023097f68ed40c0e3000000418f02702d227ed5"
        hex"00000635b337ee819dab5000000a11942b1786c3ae8000005f58e6afcdd6ddc2"
        hex"00000b0a7eae879ddb76d000002e4f89832b9705c38000009f9a036ed4f2d49f"
        hex"0000040bf0ab5fa14c112000000d31bbee04ac12fd400000d0762cbc8ca6570c"
        hex"00000b1a5b165b6d2b2d2000001689ee400b78cd15000000b6b570fc7c5740d3"
        hex"0000014a726661551e284000001e23b8ecdf95a03ec000008722e0ace9d1be22"
        hex"0000028fd3b046380f850000002ee4eb9ddaecc38e80000098b7672f9ef3b419"
        hex"00000d5eca244c7a4ff1d000000cdf7003186f673840000030a4680593258387"
        hex"000000299351a53b8ec220000030790d2fb7bbf5d9c000007762638264d279bd"
        hex"000002972a92ba450bed8000000fa7b47f69273a82c00000b2d456e4ad251b80"
        hex"000001c4dbb1c4c27d243000002b7ffa33ca1127b180000020216dd77be493de"
        hex"000002300e5d6baedf0fb000000e2284a2dff6698240000015a16a8a8322d458"
        hex"0000027181125183970c9000003c70db3a1bb3b09a4000002f63aa8647e15104"
        hex"00000ea35bc29692af6f8000001366ef0f80bc73ec800000e584029370dca96d"
        hex"0000025d64362697828fd00000078ee7f1896d553d00000018e21b4beabb4137"
        hex"00000b462065911d4e1fc0000036dfc08e1a7ee34e0000005a3f1bb1c53a9645"
        hex"00000aadd1106730d8feb0000035e4e18b044ac15980000049c24ae4437d8030"
        hex"000005e50c27535b88c660000038a4093063b9bf28800000c43b6e0e97b0d568"
        hex"00000dd5118375bf1a9b9000000e3a3ba75c6916be00000010383f20a4ff9a87"
        hex"00000b1204f603f51c0800000021aae66d3779b22c000000775005982d74d7f7"
        hex"000000cd1dabd964db5570000006ef3643c4cb180fc00000ef61ac8470250ecf"
        hex"00000a3b83250268ea4d7000003dd56ffba961744740000011a3ae5beb9d1ec9"
        hex"0000064bb6dec369d441800000376d2b12727be876800000516306f4927c93af"
        hex"00000eec49b613478675b000000234dfdd57d2ba7d800000f9cc95c22b4c1fcc"
        hex"00000e7ad7756f193198e00000393177609577f188800000f143933aed25e0b0"
        hex"000005636cac9f16dfed0000001ce7097e3f5cd65b40000092c2318b87fff9cb"
        hex"000008ad97b33f1ac145500000319007f845418fd6c00000dd8f909a938e0172"
        hex"00000530fb67ea1809a810000001e134f4bc5a60c24000000c49366bb25e8513"
        hex"000009cb0bd5ea1a1115e0000004e5508d1d092e6b000000410492299bb01f49"
        hex"00000775b9feafdcd26e700000261753d2a714a47bc0000002e3f615c38f49a1"
        hex"000004f0a2e5fb028f2ce00000164d9930e5dcc04b000000304265a6384f0f2d"
        hex"00000ef87139ca9a3ab1e00000360617e6b7fa93f4000000dd611f1000c17442"
        hex"00000660d32e130182684000001f4e915755adc08e0000003ba71336c34ee133"
        hex"00000549f80ce550c4fd300000243829cda9d47aedc00000297a863f48cd1f43"
        hex"000006d1f5a59005bec170000005afc7dcfedea70fc000000f73b2922f38bd64"
        hex"000008470f39d2d5c900e000003172dca8a944566c00000002ff876fa5ef97c4"
        hex"00000d687ba55c64f63640000008fae3326cdc910bc0000025abb3f1d39fcb76"
        hex"00000b9a8c9b3aee522970000038f2f71f4bf917a9c00000da8d9e90fd8ff158"
        hex"00000eeb76e397069e804000001175eb26da3dc68d000000c0d28a5c10960bd3"
        hex"0000065700b51aedfb5ef00000272726081f2c41d9c000003d06c8bd1514e2d9"
        hex"000003bb340eba06afe7e000001eb9a127ef0e83b1800000911f451539869408"
        hex"0000077bdaeda586257a7000002373c8be68ecd0d5800000b46e9d8b682ea65e"
        hex"000009ef1cd60e679f2840000030da28d2391b6543c00000f19e400a5104d20d"
        hex"00000a7b0fb7883eee860000001734ddf722ee20a8800000e89cd854d5d01d33"
        hex"000008df57ac11bc048310000017e8fc1bd3fb4ed48000007684403ec392950d"
        hex"00000ba6745385893c7840000015211b792ab6e7288000002db01efa1e1e1897"
        hex"00000dfe89923f6c9c2ff000003a4259e11d39a1ff800000541d496344d2c75b"
        hex"0000083e89419189646150000017fe63f57547f984000000ece5a71e0cfedc75"
        hex"000005080d4c2b86f56d7000003e5f5d438f7651484000005922040b47f150c1"
        hex"00000f7856ef7f9173e44000001aa490ab21d4e065000000a7de115b56c78d70"
        hex"000009001a64209f21db80000005f7f2393deea295c000002265fc92feb0dc09"
        hex"00000a0b1df81b6fe59fc000002e4cadf3dd4b955140000090004c1371b893c5"
        hex"000009e61106178bfc530000000150693e73efbb4d4000008ef1dd26770af2c2"
        hex"0000031d191cd5c1466c7000000026355e08196bc1800000b3767e80935d8af2"
        hex"000009e8cd55b57637ed0000002f7e3c90b8c5b12ac00000410fefafa319ac9d"
        hex"00000ca6637000eb4a9f800000134007f563c00949800000de122bebe9a39368"
        hex"00000df9a4939342308e9000001b469e4632037d460000002f2339d624f91f78"
        hex"00000d341d037e840cf830000000f30aea28445945400000ebc2151ee6c8398c"
        hex"000007248fe7705f38e47000002ee89457c8a427a1c00000387cb5d25af4afcc"
        hex"0000059e89b094d220ec200000098ba58f2368174f4000004d61e56a525d225a"
        hex"00000d30094ca96b7ce7b0000020ac9faccd453be6400000055d5b52b78b9c5e"
        hex"0000041703f53753be59f000003fbb536da467969f000000cf5cb381cd0a1535"
        hex"000004a20358574454ec00000013347c6c5d4400818000005eeea940fcde8b6f"
        hex"00000296a202ed8e556a2000001bc0b701f45061d70000001478d361dbbf9fac"
        hex"000006798ba0c0abb2c6d000001eb3f65bbea552474000002afd67999bf32ee5"
        hex"0000020057d2a0056521b0000015cdb86eb481ad7780000034c6f57b26c92122"
        hex"0000029bff3ecb9b7a6e30000005b943625f518d2b0000003dea5bd5d0578bd7"
        hex"00000023e7414af663068000000629084170c6dfa2000000475cd3205a3bdcde"
        hex"0000001a8d1a588085737000003928f7fc75f5bfbe40000015147108121967d7"
        hex"000001ff7327017aa2a6e000003961f3035a69ccd180000011b4c74eda62beef"
        hex"00000c02ac5e47312d3ca000003dbcc76c6266c4b5400000594e29c42473d06b"
        hex"0000042747a7245e7fa84000001be43fceda997c42000000e70201e960cb78b8"
        hex"000003996ce73dd832c1c000000721b4997c55d433400000d1f507e43ab749b2"
        hex"000009e9cbd781628fc5b000002e837b1c40c957750000008e7fba02983224bd"
        hex"00000a49229d24d0143430000037af8214ec6874de000000dae8645996edd6a5"
        hex"000000230bca8f4df05440000028f257abb0912a8c0000007be5b9ffda905e1c"
        hex"000003762b59a8ae83efa00000059bf03310e28f1c8000004135c2bebfe148c6"
        hex"0000080cefd2b7d99ff83000000a9102d4692517b9400000e8928a4c89114750"
        hex"00000164bb2de1bbeddc8000001b9f23c6a109940d000000bb9879c6e61fd62a"
        hex"00000551f5b0fbe7b184000000102e7a48bb65dc78800000f3c12fe54d5c653b"
        hex"000008ffd96bbf9c9c81d000002abb4d01d2c590d180000025032aa7c4cb1811"
        hex"000004543d9df5476d3cb000001fde578a97e4551000000070fc91eb5937085c"
        hex"00000bc8dfb627fe558fc0000037f4713faf32048e000000f172d73e004fc90d";

    /// @notice Poseidon of the public inputs, as plonky2 hashes them (hash_n_to_hash_no_pad).
    /// @param inputs Reduced.
    /// @return Its four elements, 8 bytes each.
    function hash(uint256[NUM_PUBLIC_INPUTS] calldata inputs) external pure returns (bytes32) {
        uint256 table = _start();
        unchecked {
            for (uint256 first = 0; first < NUM_PUBLIC_INPUTS; first += 8) {
                for (uint256 i = 0; i < 8 && first + i < NUM_PUBLIC_INPUTS; ++i) {
                    _store(STATE_AT + 64 * i, inputs[first + i]);
                }
                _permute(table);
            }
        }
        return bytes32(
            (_load(STATE_AT) << 192) | (_load(STATE_AT + 64) << 128) | (_load(STATE_AT + 128) << 64)
                | _load(STATE_AT + 192)
        );
    }

    /// @notice Whether vanishing(zeta) = Z_H(zeta) · quotient(zeta), for every alpha.
    /// @param betas, gammas, alphas In F. @param zeta In K. @param inputsHash See `hash`.
    /// @param openings 16 bytes each: constants, sigmas, wires, Zs, partial products, quotients at zeta; then Zs at g·zeta.
    /// @dev Refuses openings that are not canonical.
    function hold(
        uint256[NUM_CHALLENGES] calldata betas,
        uint256[NUM_CHALLENGES] calldata gammas,
        uint256[NUM_CHALLENGES] calldata alphas,
        uint256[2] calldata zeta,
        bytes32 inputsHash,
        bytes calldata openings
    ) external pure returns (bool) {
        uint256 table = _start();
        _unpack(openings);
        for (uint256 i = 0; i < NUM_CHALLENGES; ++i) {
            _store(BETAS_AT + 32 * i, betas[i]);
            _store(GAMMAS_AT + 32 * i, gammas[i]);
            _store(ALPHAS_AT + 32 * i, alphas[i]);
        }
        _set(ZETA_AT, zeta[0], zeta[1]);
        (uint256 u, uint256 v) = (zeta[0], zeta[1]);
        for (uint256 i = 0; i < DEGREE_BITS; ++i) (u, v) = _mul(u, v, u, v);
        // Of a point of the subgroup, where 0 = 0 proves nothing; the chance is 2^-100.
        require(u != 1 || v != 0, "plonky2: zeta");
        _set(ZETA_N_AT, u, v);

        _permutation();
        _gates(inputsHash, table);
        bool ok = true;
        for (uint256 i = 0; i < NUM_CHALLENGES; ++i) ok = ok && _quotient(i);
        return ok;
    }

    // Identities

    /// L_0 (Z - 1); and Z_before · prod (w + beta·k·zeta + gamma) - Z_after · prod (w + beta·sigma + gamma) for each part
    /// of the routed wires, between Z, the partial products, and Z at g·zeta.
    function _permutation() private pure {
        unchecked {
            // k_j · zeta, where k_j is the j-th power of the generator.
            (uint256 u, uint256 v) = (_load(ZETA_AT), _load(ZETA_AT + 32));
            for (uint256 id = IDS_AT; id < IDS_AT + 64 * NUM_ROUTED; id += 64) {
                _set(id, u, v);
                (u, v) = ((u * GENERATOR) % P, (v * GENERATOR) % P);
            }
            // L_0(zeta) = (zeta^n - 1) / (n (zeta - 1)).
            (u, v) = (_load(ZETA_AT), _load(ZETA_AT + 32));
            (u, v) = _inverse(((u + P - 1) << DEGREE_BITS) % P, (v << DEGREE_BITS) % P);
            (u, v) = _mul(u, v, _load(ZETA_N_AT) + P - 1, _load(ZETA_N_AT + 32));
            for (uint256 i = 0; i < 64 * NUM_CHALLENGES; i += 64) {
                (uint256 tu, uint256 tv) = _mul(u, v, _load(ZS_AT + i) + P - 1, _load(ZS_AT + i + 32));
                _set(TERMS_AT + i, tu, tv);
            }
            for (uint256 i = 0; i < NUM_CHALLENGES; ++i) _products(i);
        }
    }

    function _products(uint256 i) private pure {
        unchecked {
            uint256 term = PRODUCT_TERMS_AT + 64 * (NUM_PARTIALS + 1) * i;
            uint256 z = ZS_AT + 64 * i;
            uint256 next = PARTIALS_AT + 64 * NUM_PARTIALS * i;
            for (uint256 j = 0; j < NUM_ROUTED; j += QUOTIENT_FACTOR) {
                uint256 end = 64 * (j + QUOTIENT_FACTOR);
                if (end >= 64 * NUM_ROUTED) {
                    end = 64 * NUM_ROUTED;
                    next = ZS_NEXT_AT + 64 * i;
                }
                (uint256 u, uint256 v) = _product(i, z, IDS_AT, 64 * j, end);
                (uint256 du, uint256 dv) = _product(i, next, SIGMAS_AT, 64 * j, end);
                _set(term, u + P - du, v + P - dv);
                term += 64;
                z = next;
                next += 64;
            }
        }
    }

    /// start · prod (w_j + beta_i · id_j + gamma_i)
    function _product(uint256 i, uint256 start, uint256 ids, uint256 wire, uint256 end)
        private
        pure
        returns (uint256 u, uint256 v)
    {
        unchecked {
            uint256 beta = _load(BETAS_AT + 32 * i);
            uint256 gamma = _load(GAMMAS_AT + 32 * i);
            (u, v) = (_load(start), _load(start + 32));
            ids += wire;
            end += WIRES_AT;
            for (wire += WIRES_AT; wire < end; wire += 64) {
                (u, v) =
                    _mul(u, v, _load(wire) + beta * _load(ids) + gamma, _load(wire + 32) + beta * _load(ids + 32));
                ids += 64;
            }
        }
    }

    /// The terms, reduced by powers of alpha_i, are Z_H · (the quotient's parts, reduced by powers of zeta^n).
    function _quotient(uint256 i) private pure returns (bool) {
        unchecked {
            uint256 alpha = _load(ALPHAS_AT + 32 * i);
            uint256 u = 0;
            uint256 v = 0;
            for (uint256 slot = TERMS_END; slot > TERMS_AT;) {
                slot -= 64;
                u = (u * alpha + _load(slot)) % P;
                v = (v * alpha + _load(slot + 32)) % P;
            }
            uint256 nu = _load(ZETA_N_AT);
            uint256 nv = _load(ZETA_N_AT + 32);
            uint256 tu = 0;
            uint256 tv = 0;
            uint256 first = QUOTIENTS_AT + 64 * QUOTIENT_FACTOR * i;
            for (uint256 slot = first + 64 * QUOTIENT_FACTOR; slot > first;) {
                slot -= 64;
                (tu, tv) = _mul(tu, tv, nu, nv);
                tu += _load(slot);
                tv += _load(slot + 32);
            }
            (tu, tv) = _mul(tu, tv, nu + P - 1, nv);
            return u == tu && v == tv;
        }
    }

    /// The circuit's gates, in its order. Rows that share a selector are a group.
    function _gates(bytes32 inputsHash, uint256 table) private pure {
        _filter(0, 1, 0, 6);
        _poseidonMds(table);
        _filter(0, 2, 0, 6);
        _publicInput(inputsHash);
        _filter(0, 3, 0, 6);
        _baseSum(55);
        _filter(0, 4, 0, 6);
        _reducing(25, 2);
        _filter(0, 5, 0, 6);
        _reducing(43, 1);
        _filter(1, 6, 6, 10);
        _arithmeticExtension(7);
        _filter(1, 7, 6, 10);
        _arithmetic(14);
        _filter(1, 8, 6, 10);
        _mulExtension(9);
        _filter(1, 9, 6, 10);
        _exponentiation(54);
        _filter(2, 10, 10, 12);
        _randomAccess(4, 3, 2);
        _filter(2, 11, 10, 12);
        _cosetInterpolation(4, 6, 4096, 17293822565076172801);
        _filter(3, 12, 12, 13);
        _poseidon(table);
    }

    // The gates. Each adds filter · constraint to the terms of the gates, in the order of its constraints.

    /// The constraints of gate `row` count where its selector is `row`: the filter is 0 for all others of its group.
    function _filter(uint256 selector, uint256 row, uint256 start, uint256 end) private pure {
        unchecked {
            uint256 su = _load(OPENINGS_AT + 64 * selector);
            uint256 sv = P - _load(OPENINGS_AT + 64 * selector + 32);
            uint256 u = 1;
            uint256 v = 0;
            for (uint256 i = start; i < end; ++i) {
                if (i != row) (u, v) = _mul(u, v, i + P - su, sv);
            }
            // A row whose selector is that of another group.
            if (NUM_SELECTORS > 1) (u, v) = _mul(u, v, UNUSED_SELECTOR + P - su, sv);
            _set(FILTER_AT, u, v);
        }
    }

    /// @param u Below 2^160, as v.
    function _emit(uint256 slot, uint256 u, uint256 v) private pure returns (uint256) {
        unchecked {
            uint256 fu = _load(FILTER_AT);
            uint256 fv = _load(FILTER_AT + 32);
            _store(slot, _load(slot) + fu * u + 7 * fv * v);
            _store(slot + 32, _load(slot + 32) + fu * v + fv * u);
            return slot + 64;
        }
    }

    /// @param b Reduced.
    function _emitDifference(uint256 slot, uint256 a, uint256 b) private pure returns (uint256) {
        unchecked {
            return _emit(slot, _load(a) + P - _load(b), _load(a + 32) + P - _load(b + 32));
        }
    }

    /// The two coordinates of a - b, elements of K[Y].
    function _emitDifference2(uint256 slot, uint256 a, uint256 b) private pure returns (uint256) {
        unchecked {
            return _emitDifference(_emitDifference(slot, a, b), a + 64, b + 64);
        }
    }

    /// PublicInputGate: the first four wires are the hash of the public inputs.
    function _publicInput(bytes32 inputsHash) private pure {
        unchecked {
            uint256 slot = GATE_TERMS_AT;
            for (uint256 i = 0; i < 4; ++i) {
                uint256 wire = WIRES_AT + 64 * i;
                uint256 expected = (uint256(inputsHash) >> (192 - 64 * i)) & MASK64;
                slot = _emit(slot, _load(wire) + P - expected, _load(wire + 32));
            }
        }
    }

    /// BaseSumGate of base 2: the limbs' sum, then each limb a bit.
    function _baseSum(uint256 limbs) private pure {
        unchecked {
            uint256 u = 0;
            uint256 v = 0;
            for (uint256 wire = WIRES_AT + 64 * limbs; wire > WIRES_AT; wire -= 64) {
                u = 2 * u + _load(wire);
                v = 2 * v + _load(wire + 32);
            }
            // Below 2^64 · 2^limbs.
            uint256 slot =
                _emit(GATE_TERMS_AT, u % P + P - _load(WIRES_AT), v % P + P - _load(WIRES_AT + 32));
            for (uint256 i = 1; i <= limbs; ++i) slot = _emitBit(slot, WIRES_AT + 64 * i);
        }
    }

    /// b · (b - 1)
    function _emitBit(uint256 slot, uint256 bit) private pure returns (uint256) {
        unchecked {
            (uint256 u, uint256 v) = (_load(bit), _load(bit + 32));
            (u, v) = _mul(u, v, u + P - 1, v);
            return _emit(slot, u, v);
        }
    }

    /// ArithmeticGate: out - (c_0 · x · y + c_1 · z), wires x, y, z, out.
    function _arithmetic(uint256 operations) private pure {
        unchecked {
            uint256 slot = GATE_TERMS_AT;
            for (uint256 x = WIRES_AT; x < WIRES_AT + 256 * operations; x += 256) {
                (uint256 u, uint256 v) = _mulAt(x, x + 64);
                (u, v) = _mul(u, v, _load(CONSTANT_0), _load(CONSTANT_0 + 32));
                (uint256 tu, uint256 tv) = _mulAt(x + 128, CONSTANT_1);
                slot = _emit(slot, _load(x + 192) + 2 * P - u - tu, _load(x + 224) + 2 * P - v - tv);
            }
        }
    }

    /// ArithmeticExtensionGate: the same in K[Y].
    function _arithmeticExtension(uint256 operations) private pure {
        unchecked {
            uint256 slot = GATE_TERMS_AT;
            for (uint256 x = WIRES_AT; x < WIRES_AT + 512 * operations; x += 512) {
                _mul2(x, x + 128, SCRATCH_AT);
                for (uint256 i = 0; i < 128; i += 64) {
                    (uint256 u, uint256 v) = _mulAt(SCRATCH_AT + i, CONSTANT_0);
                    (uint256 tu, uint256 tv) = _mulAt(x + 256 + i, CONSTANT_1);
                    slot = _emit(slot, _load(x + 384 + i) + 2 * P - u - tu, _load(x + 416 + i) + 2 * P - v - tv);
                }
            }
        }
    }

    /// MulExtensionGate: out - c_0 · x · y in K[Y].
    function _mulExtension(uint256 operations) private pure {
        unchecked {
            uint256 slot = GATE_TERMS_AT;
            for (uint256 x = WIRES_AT; x < WIRES_AT + 384 * operations; x += 384) {
                _mul2(x, x + 128, SCRATCH_AT);
                for (uint256 i = 0; i < 128; i += 64) {
                    (uint256 u, uint256 v) = _mulAt(SCRATCH_AT + i, CONSTANT_0);
                    slot = _emit(slot, _load(x + 256 + i) + P - u, _load(x + 288 + i) + P - v);
                }
            }
        }
    }

    /// ReducingGate (size 1, coefficients in K) and ReducingExtensionGate (size 2, in K[Y]): wires out, alpha, acc, the
    /// coefficients, all accumulators but the last, which is out. Each is the one before it · alpha + a coefficient.
    function _reducing(uint256 count, uint256 size) private pure {
        unchecked {
            uint256 slot = GATE_TERMS_AT;
            uint256 before = WIRES_AT + 256;
            uint256 coefficient = WIRES_AT + 384;
            uint256 accumulator = coefficient + 64 * size * count;
            for (uint256 i = 1; i <= count; ++i) {
                _mul2(before, WIRES_AT + 128, SCRATCH_AT);
                before = i == count ? WIRES_AT : accumulator;
                _add(SCRATCH_AT, coefficient);
                if (size == 2) _add(SCRATCH_AT + 64, coefficient + 64);
                slot = _emitDifference2(slot, SCRATCH_AT, before);
                coefficient += 64 * size;
                accumulator += 128;
            }
        }
    }

    /// ExponentiationGate: wires base, bits (the least first), out, intermediates; from the highest bit down, each
    /// intermediate is the square of the one before it · (bit ? base : 1).
    function _exponentiation(uint256 bits) private pure {
        unchecked {
            uint256 slot = GATE_TERMS_AT;
            uint256 bit = WIRES_AT + 64 * bits;
            uint256 intermediate = bit + 128;
            uint256 u = 1;
            uint256 v = 0;
            uint256 bu = _load(WIRES_AT) + P - 1;
            uint256 bv = _load(WIRES_AT + 32);
            for (; bit > WIRES_AT; bit -= 64) {
                // bit · (base - 1) + 1
                (uint256 fu, uint256 fv) = _mul(_load(bit), _load(bit + 32), bu, bv);
                (u, v) = _mul(u, v, fu + 1, fv);
                (uint256 iu, uint256 iv) = (_load(intermediate), _load(intermediate + 32));
                slot = _emit(slot, u + P - iu, v + P - iv);
                (u, v) = _mul(iu, iv, iu, iv);
                intermediate += 64;
            }
            _emitDifference(slot, WIRES_AT + 64 * (bits + 1), intermediate - 64);
        }
    }

    /// RandomAccessGate: a copy has the wires index, claimed, 2^bits items; the index' bits (the least first) of all
    /// copies, and before them the extra constants, stand behind the copies.
    function _randomAccess(uint256 bits, uint256 copies, uint256 extra) private pure {
        unchecked {
            uint256 slot = GATE_TERMS_AT;
            uint256 items = 64 << bits;
            uint256 constants = WIRES_AT + (128 + items) * copies;
            uint256 bit = constants + 64 * extra;
            for (uint256 copy = WIRES_AT; copy < constants; copy += 128 + items) {
                uint256 u = 0;
                uint256 v = 0;
                for (uint256 i = 0; i < bits; ++i) {
                    slot = _emitBit(slot, bit + 64 * i);
                    u += _load(bit + 64 * i) << i;
                    v += _load(bit + 64 * i + 32) << i;
                }
                slot = _emit(slot, u + P - _load(copy), v + P - _load(copy + 32));
                // Fold the list in two, bit by bit: x + b · (y - x).
                uint256 from = copy + 128;
                for (uint256 size = items / 2; size >= 64; size /= 2) {
                    for (uint256 i = 0; i < size; i += 64) {
                        uint256 x = from + 2 * i;
                        (u, v) = _mul(
                            _load(bit), _load(bit + 32), _load(x + 64) + P - _load(x), _load(x + 96) + P - _load(x + 32)
                        );
                        _set(SCRATCH_AT + i, (_load(x) + u) % P, (_load(x + 32) + v) % P);
                    }
                    from = SCRATCH_AT;
                    bit += 64;
                }
                slot = _emitDifference(slot, from, copy + 64);
            }
            for (uint256 i = 0; i < extra; ++i) {
                slot = _emitDifference(slot, CONSTANT_0 + 64 * i, constants + 64 * i);
            }
        }
    }

    /// CosetInterpolationGate: wires shift, 2^bits values, point, value, intermediate sums and products, the shifted
    /// point; all but the shift in K[Y]. Barycentric interpolation on the powers x_i of a root of unity, whose weights
    /// are x_i / 2^bits: sum' = sum · (point - x_i) + weight · value · product, product' = product · (point - x_i).
    function _cosetInterpolation(uint256 bits, uint256 degree, uint256 root, uint256 sizeInverse) private pure {
        unchecked {
            uint256 slot = GATE_TERMS_AT;
            uint256 value = WIRES_AT + 64;
            uint256 result = value + (128 << bits); // the point, then the value there
            uint256 sums = result + 256;
            uint256 products = sums + 128 * (((1 << bits) - 2) / (degree - 1));
            uint256 point = 2 * products - sums;
            for (uint256 i = 0; i < 128; i += 64) {
                (uint256 u, uint256 v) = _mulAt(point + i, WIRES_AT);
                slot = _emit(slot, _load(result + i) + P - u, _load(result + 32 + i) + P - v);
            }
            result += 128;

            uint256 sum = SCRATCH_AT;
            uint256 product = SCRATCH_AT + 128;
            uint256 factor = SCRATCH_AT + 256;
            uint256 weighted = SCRATCH_AT + 384;
            _set(sum, 0, 0);
            _set(sum + 64, 0, 0);
            _set(product, 1, 0);
            _set(product + 64, 0, 0);
            _copy(point, factor, 128);
            uint256 x = 1;
            uint256 left = degree;
            for (; value < result - 128; value += 128) {
                if (left == 0) {
                    slot = _emitDifference2(slot, sums, sum);
                    slot = _emitDifference2(slot, products, product);
                    _copy(sums, sum, 128);
                    _copy(products, product, 128);
                    sums += 128;
                    products += 128;
                    left = degree - 1;
                }
                --left;
                _store(factor, (_load(point) + P - x) % P);
                uint256 weight = (x * sizeInverse) % P;
                _mul2(value, product, weighted);
                _mul2(sum, factor, sum);
                for (uint256 i = 0; i < 128; i += 32) {
                    _store(sum + i, (_load(sum + i) + weight * _load(weighted + i)) % P);
                }
                _mul2(product, factor, product);
                x = (x * root) % P;
            }
            _emitDifference2(slot, result, sum);
        }
    }

    /// PoseidonMdsGate: 12 inputs and 12 outputs in K[Y].
    function _poseidonMds(uint256 table) private pure {
        unchecked {
            for (uint256 half = 0; half < 128; half += 64) {
                for (uint256 i = 0; i < 12; ++i) {
                    uint256 wire = WIRES_AT + 128 * i + half;
                    _set(STATE_AT + 64 * i, _load(wire), _load(wire + 32));
                }
                _mix(STATE_AT, table + TABLE_ZEROS);
                _mix(STATE_AT + 32, table + TABLE_ZEROS);
                for (uint256 i = 0; i < 12; ++i) {
                    _emitDifference(GATE_TERMS_AT + 128 * i + half, WIRES_AT + 1536 + 128 * i + half, STATE_AT + 64 * i);
                }
            }
        }
    }

    /// PoseidonGate: wires 12 inputs, 12 outputs, swap, 4 deltas, and what enters each S-box but those of the first
    /// round. plonky2 writes the partial rounds with sparse matrices; what enters their S-boxes is the same.
    function _poseidon(uint256 table) private pure {
        unchecked {
            uint256 swap = WIRES_AT + 64 * 24;
            uint256 slot = _emitBit(GATE_TERMS_AT, swap);
            for (uint256 i = 0; i < 256; i += 64) {
                uint256 left = WIRES_AT + i;
                uint256 delta = swap + 64 + i;
                (uint256 u, uint256 v) = _mul(
                    _load(swap),
                    _load(swap + 32),
                    _load(left + 256) + P - _load(left),
                    _load(left + 288) + P - _load(left + 32)
                );
                (uint256 du, uint256 dv) = (_load(delta), _load(delta + 32));
                slot = _emit(slot, u + P - du, v + P - dv);
                _set(STATE_AT + i, _load(left) + du, _load(left + 32) + dv);
                _set(STATE_AT + 256 + i, _load(left + 256) + P - du, _load(left + 288) + P - dv);
            }
            for (uint256 i = 512; i < 768; i += 64) {
                _set(STATE_AT + i, _load(WIRES_AT + i), _load(WIRES_AT + i + 32));
            }
            _addFirst(table);

            uint256 entered = WIRES_AT + 64 * 29;
            for (uint256 round = 0; round < 30; ++round) {
                uint256 end = STATE_AT + (round < 4 || round >= 26 ? 64 * 12 : 64);
                for (uint256 state = STATE_AT; state < end; state += 64) {
                    uint256 from = state;
                    if (round != 0) {
                        slot = _emitDifference(slot, state, entered);
                        from = entered;
                        entered += 64;
                    }
                    (uint256 u, uint256 v) = (_load(from), _load(from + 32));
                    (uint256 su, uint256 sv) = _mul(u, v, u, v);
                    (u, v) = _mul(u, v, su, sv);
                    (su, sv) = _mul(su, sv, su, sv);
                    (u, v) = _mul(u, v, su, sv);
                    _set(state, u, v);
                }
                _mix(STATE_AT, table + 128 * (round + 1));
                _mix(STATE_AT + 32, table + TABLE_ZEROS);
            }
            for (uint256 i = 0; i < 768; i += 64) slot = _emitDifference(slot, STATE_AT + i, WIRES_AT + 768 + i);
        }
    }

    // Poseidon. Rounds add constants, raise to the seventh power, multiply by the matrix; here the constants are added
    // by the multiplication of the round before, and nothing by the last.

    function _permute(uint256 table) private pure {
        unchecked {
            _addFirst(table);
            for (uint256 round = 0; round < 30; ++round) {
                uint256 end = STATE_AT + (round < 4 || round >= 26 ? 64 * 12 : 64);
                for (uint256 state = STATE_AT; state < end; state += 64) {
                    uint256 x = _load(state);
                    uint256 square = mulmod(x, x, P);
                    _store(state, mulmod(mulmod(x, square, P), mulmod(square, square, P), P));
                }
                table += 128;
                _mix(STATE_AT, table);
            }
        }
    }

    function _addFirst(uint256 table) private pure {
        unchecked {
            for (uint256 state = STATE_AT; state < STATE_AT + 64 * 12; state += 192) {
                uint256 three = _load(table);
                _store(state, _load(state) + (three & LANE_MASK));
                _store(state + 64, _load(state + 64) + ((three >> LANE) & LANE_MASK));
                _store(state + 128, _load(state + 128) + (three >> (2 * LANE)));
                table += 32;
            }
        }
    }

    /// The matrix of Poseidon by twelve numbers below 2^67, 64 bytes apart, plus the packed constants at `constants`. Row r
    /// of the matrix is 17 15 41 16 2 28 13 13 39 18 34 20 turned r places to the right; its first entry is 8 more. A sum
    /// has three results, below 2^76, in lanes of 86 bits: each number is multiplied by three entries of its column at once.
    function _mix(uint256 state, uint256 constants) private pure {
        assembly ("memory-safe") {
            function unpack(to, three) {
                mstore(to, mod(and(three, 0x3fffffffffffffffffffff), P))
                mstore(add(to, 64), mod(and(shr(86, three), 0x3fffffffffffffffffffff), P))
                mstore(add(to, 128), mod(shr(172, three), P))
            }
            let o0 := mload(constants)
            let o1 := mload(add(constants, 32))
            let o2 := mload(add(constants, 64))
            let o3 := mload(add(constants, 96))
            let x
            x := mload(state)
            o0 := add(o0, mul(x, 0x220000000000000000000050000000000000000000019))
            o1 := add(o1, mul(x, 0xd000000000000000000009c000000000000000000012))
            o2 := add(o2, mul(x, 0x2000000000000000000007000000000000000000000d))
            o3 := add(o3, mul(x, 0xf00000000000000000000a4000000000000000000010))
            x := mload(add(state, 64))
            o0 := add(o0, mul(x, 0x14000000000000000000004400000000000000000000f))
            o1 := add(o1, mul(x, 0x270000000000000000000048000000000000000000022))
            o2 := add(o2, mul(x, 0x1c000000000000000000003400000000000000000000d))
            o3 := add(o3, mul(x, 0x290000000000000000000040000000000000000000002))
            x := mload(add(state, 128))
            o0 := add(o0, mul(x, 0x11000000000000000000003c000000000000000000029))
            o1 := add(o1, mul(x, 0x120000000000000000000088000000000000000000014))
            o2 := add(o2, mul(x, 0xd0000000000000000000034000000000000000000027))
            o3 := add(o3, mul(x, 0x10000000000000000000000800000000000000000001c))
            x := mload(add(state, 192))
            o0 := add(o0, mul(x, 0xf00000000000000000000a4000000000000000000010))
            o1 := add(o1, mul(x, 0x220000000000000000000050000000000000000000011))
            o2 := add(o2, mul(x, 0xd000000000000000000009c000000000000000000012))
            o3 := add(o3, mul(x, 0x2000000000000000000007000000000000000000000d))
            x := mload(add(state, 256))
            o0 := add(o0, mul(x, 0x290000000000000000000040000000000000000000002))
            o1 := add(o1, mul(x, 0x14000000000000000000004400000000000000000000f))
            o2 := add(o2, mul(x, 0x270000000000000000000048000000000000000000022))
            o3 := add(o3, mul(x, 0x1c000000000000000000003400000000000000000000d))
            x := mload(add(state, 320))
            o0 := add(o0, mul(x, 0x10000000000000000000000800000000000000000001c))
            o1 := add(o1, mul(x, 0x11000000000000000000003c000000000000000000029))
            o2 := add(o2, mul(x, 0x120000000000000000000088000000000000000000014))
            o3 := add(o3, mul(x, 0xd0000000000000000000034000000000000000000027))
            x := mload(add(state, 384))
            o0 := add(o0, mul(x, 0x2000000000000000000007000000000000000000000d))
            o1 := add(o1, mul(x, 0xf00000000000000000000a4000000000000000000010))
            o2 := add(o2, mul(x, 0x220000000000000000000050000000000000000000011))
            o3 := add(o3, mul(x, 0xd000000000000000000009c000000000000000000012))
            x := mload(add(state, 448))
            o0 := add(o0, mul(x, 0x1c000000000000000000003400000000000000000000d))
            o1 := add(o1, mul(x, 0x290000000000000000000040000000000000000000002))
            o2 := add(o2, mul(x, 0x14000000000000000000004400000000000000000000f))
            o3 := add(o3, mul(x, 0x270000000000000000000048000000000000000000022))
            x := mload(add(state, 512))
            o0 := add(o0, mul(x, 0xd0000000000000000000034000000000000000000027))
            o1 := add(o1, mul(x, 0x10000000000000000000000800000000000000000001c))
            o2 := add(o2, mul(x, 0x11000000000000000000003c000000000000000000029))
            o3 := add(o3, mul(x, 0x120000000000000000000088000000000000000000014))
            x := mload(add(state, 576))
            o0 := add(o0, mul(x, 0xd000000000000000000009c000000000000000000012))
            o1 := add(o1, mul(x, 0x2000000000000000000007000000000000000000000d))
            o2 := add(o2, mul(x, 0xf00000000000000000000a4000000000000000000010))
            o3 := add(o3, mul(x, 0x220000000000000000000050000000000000000000011))
            x := mload(add(state, 640))
            o0 := add(o0, mul(x, 0x270000000000000000000048000000000000000000022))
            o1 := add(o1, mul(x, 0x1c000000000000000000003400000000000000000000d))
            o2 := add(o2, mul(x, 0x290000000000000000000040000000000000000000002))
            o3 := add(o3, mul(x, 0x14000000000000000000004400000000000000000000f))
            x := mload(add(state, 704))
            o0 := add(o0, mul(x, 0x120000000000000000000088000000000000000000014))
            o1 := add(o1, mul(x, 0xd0000000000000000000034000000000000000000027))
            o2 := add(o2, mul(x, 0x10000000000000000000000800000000000000000001c))
            o3 := add(o3, mul(x, 0x11000000000000000000003c000000000000000000029))
            unpack(state, o0)
            unpack(add(state, 192), o1)
            unpack(add(state, 384), o2)
            unpack(add(state, 576), o3)
        }
    }

    // Arithmetic

    /// @dev (a·c + 7·b·d, a·d + b·c). Arguments below 2^132 with their products below 2^250; the result is reduced.
    function _mul(uint256 a, uint256 b, uint256 c, uint256 d) private pure returns (uint256, uint256) {
        unchecked {
            return ((a * c + 7 * b * d) % P, (a * d + b * c) % P);
        }
    }

    function _mulAt(uint256 a, uint256 b) private pure returns (uint256, uint256) {
        return _mul(_load(a), _load(a + 32), _load(b), _load(b + 32));
    }

    /// Of elements of K[Y], below 2^70; `to` may be one of them.
    function _mul2(uint256 a, uint256 b, uint256 to) private pure {
        assembly ("memory-safe") {
            let c := mload(b)
            let d := mload(add(b, 32))
            let e := mload(add(b, 64))
            let f := mload(add(b, 96))
            // (a0 + a1 Y) (b0 + b1 Y) = a0 b0 + 7 a1 b1 + (a0 b1 + a1 b0) Y, and the same with X in each of these.
            let x := mload(a)
            let o0 := mul(x, c)
            let o1 := mul(x, d)
            let o2 := mul(x, e)
            let o3 := mul(x, f)
            x := mload(add(a, 32))
            o0 := add(o0, mul(7, mul(x, d)))
            o1 := add(o1, mul(x, c))
            o2 := add(o2, mul(7, mul(x, f)))
            o3 := add(o3, mul(x, e))
            x := mload(add(a, 64))
            o0 := add(o0, mul(7, mul(x, e)))
            o1 := add(o1, mul(7, mul(x, f)))
            o2 := add(o2, mul(x, c))
            o3 := add(o3, mul(x, d))
            x := mload(add(a, 96))
            mstore(to, mod(add(o0, mul(49, mul(x, f))), P))
            mstore(add(to, 32), mod(add(o1, mul(7, mul(x, e))), P))
            mstore(add(to, 64), mod(add(o2, mul(7, mul(x, d))), P))
            mstore(add(to, 96), mod(add(o3, mul(x, c)), P))
        }
    }

    function _add(uint256 to, uint256 a) private pure {
        unchecked {
            _set(to, _load(to) + _load(a), _load(to + 32) + _load(a + 32));
        }
    }

    /// @dev (u - v·X) / (u² - 7·v²); 0 has 0. @param u Reduced, as v.
    function _inverse(uint256 u, uint256 v) private pure returns (uint256, uint256) {
        unchecked {
            uint256 norm = (u * u + 7 * v * (P - v)) % P;
            // By Fermat, norm^(p - 2), where p - 2 = 2^64 - 2^32 - 1: ones but for bit 32.
            uint256 inverse = 1;
            for (uint256 i = 0; i < 64; ++i) {
                inverse = (inverse * inverse) % P;
                if (i != 31) inverse = (inverse * norm) % P;
            }
            return ((u * inverse) % P, ((P - v) * inverse) % P);
        }
    }

    // Memory

    /// Takes all memory that the functions above use, and puts the round constants behind it.
    function _start() private pure returns (uint256 table) {
        uint256 start = OPENINGS_AT;
        uint256 end = MEMORY_END;
        assembly ("memory-safe") {
            // What the compiler itself needs ends before.
            if gt(mload(0x40), start) { invalid() }
            mstore(0x40, end)
        }
        bytes memory constants = bytes.concat(ROUND_CONSTANTS, new bytes(128));
        assembly ("memory-safe") {
            table := add(constants, 32)
        }
    }

    /// @dev Sets the openings in memory; refuses a wrong length and coordinates that are not below p.
    function _unpack(bytes calldata openings) private pure {
        require(openings.length == (OPENINGS_END - OPENINGS_AT) / 4, "plonky2: proof length");
        uint256 start = OPENINGS_AT;
        uint256 end = OPENINGS_END;
        uint256 carries = 0;
        assembly ("memory-safe") {
            let from := openings.offset
            for { let to := start } lt(to, end) { to := add(to, 64) } {
                let u := calldataload(from)
                let v := and(shr(128, u), MASK64)
                u := shr(192, u)
                // x + 2^32 - 1 has bit 64 where x >= p.
                carries := or(carries, or(add(u, 0xffffffff), add(v, 0xffffffff)))
                mstore(to, u)
                mstore(add(to, 32), v)
                from := add(from, 16)
            }
        }
        require(carries >> 64 == 0, "plonky2: element");
    }

    function _load(uint256 slot) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(slot)
        }
    }

    function _store(uint256 slot, uint256 value) private pure {
        assembly ("memory-safe") {
            mstore(slot, value)
        }
    }

    function _set(uint256 slot, uint256 u, uint256 v) private pure {
        _store(slot, u);
        _store(slot + 32, v);
    }

    function _copy(uint256 from, uint256 to, uint256 size) private pure {
        assembly ("memory-safe") {
            mcopy(to, from, size)
        }
    }
}
