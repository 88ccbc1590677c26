"""Makes the golden files of this folder with the reference packages, so that Halftone's readers are checked against independent writers.

    pip install gguf==0.19.0 safetensors==0.8.0 numpy==2.4.6
    python make_goldens.py

blocks.gguf                  one tensor `golden.TYPE` [2, 512] of each stored type: random bytes with finite scales, seed 20240607
blocks-expected.safetensors  what gguf-py's dequantize makes of them, float32, same names
plain.safetensors            every dtype of safetensors that Halftone reads, with a scalar, an empty tensor and metadata; values are
                             0, 1, 2, … (integers), or (i − 5) / 4 (floats)
"""
import os

import numpy as np
from gguf import GGMLQuantizationType as T, GGUFWriter, quants
from safetensors.numpy import save_file

here = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(20240607)
ROWS, WEIGHTS = 2, 512

# type: (weights a block, bytes a block, offsets of its float16 scales)
BLOCKS = {
    T.Q8_0: (32, 34, [0]), T.Q4_0: (32, 18, [0]), T.Q4_1: (32, 20, [0, 2]), T.Q5_0: (32, 22, [0]), T.Q5_1: (32, 24, [0, 2]),
    T.Q2_K: (256, 84, [80, 82]), T.Q3_K: (256, 110, [108]), T.Q4_K: (256, 144, [0, 2]), T.Q5_K: (256, 176, [0, 2]), T.Q6_K: (256, 210, [208]),
}


def finite_halves(n):
    """Random bit patterns of float16, no infinity and no NaN: normal, subnormal and negative ones."""
    bits = rng.integers(0, 1 << 16, n, dtype=np.uint16)
    bits[(bits & 0x7c00) == 0x7c00] &= 0xbfff
    return bits


writer = GGUFWriter(os.path.join(here, 'blocks.gguf'), 'golden')
writer.add_string('golden.text', 'naïve')
writer.add_uint32('golden.u32', 4000000000)
writer.add_int64('golden.i64', -5)
writer.add_float32('golden.f32', 0.1)
writer.add_float64('golden.f64', 0.1)
writer.add_bool('golden.bool', True)
writer.add_array('golden.strings', ['a', '', '🙂'])
writer.add_array('golden.ints', [-1, 0, 7])
expected = {}
for kind, (weights, size, scales) in BLOCKS.items():
    blocks = rng.integers(0, 256, (ROWS * WEIGHTS // weights, size), dtype=np.uint8)
    for at in scales:
        blocks[:, at:at + 2] = finite_halves(len(blocks)).reshape(-1, 1).view(np.uint8)
    rows = blocks.reshape(ROWS, -1)
    writer.add_tensor('golden.' + kind.name, rows, raw_dtype=kind)
    expected['golden.' + kind.name] = quants.dequantize(rows, kind).astype(np.float32)
for kind in (T.F16, T.BF16):
    rows = finite_halves(ROWS * WEIGHTS).reshape(ROWS, WEIGHTS)
    raw = rows.view(np.float16) if kind == T.F16 else rows.view(np.uint8)
    writer.add_tensor('golden.' + kind.name, raw, raw_dtype=kind)
    expected['golden.' + kind.name] = quants.dequantize(raw, kind).astype(np.float32)
plain = rng.standard_normal((ROWS, WEIGHTS), dtype=np.float32)
writer.add_tensor('golden.F32', plain)
expected['golden.F32'] = plain
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
save_file(expected, os.path.join(here, 'blocks-expected.safetensors'))

tensors = {name: np.arange(12).reshape(3, 4).astype(kind) for name, kind in
           {'I8': np.int8, 'U8': np.uint8, 'I16': np.int16, 'I32': np.int32, 'I64': np.int64}.items()}
for name, kind in {'F16': np.float16, 'F32': np.float32, 'F64': np.float64}.items():
    tensors[name] = ((np.arange(12) - 5) / 4).reshape(3, 4).astype(kind)
tensors['BOOL'] = np.array([True, False, True])
tensors['scalar'] = np.array(2.5, dtype=np.float32)
tensors['empty'] = np.zeros((0, 4), dtype=np.float32)
save_file(tensors, os.path.join(here, 'plain.safetensors'), metadata={'format': 'np', 'note': 'golden'})
