"""Writes the vectors that sentence-transformers makes of the texts in minilm-vectors.json into that file, as float32 in base64.

    python3 minilm_vectors.py FOLDER

FOLDER is the model as sentence-transformers loads it: `reference` of minilm-model.ts. Needs the packages of bench/torch/requirements.txt.
"""

import base64
import json
import sys
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer

golden = Path(__file__).with_name("minilm-vectors.json")
texts = json.loads(golden.read_text())["texts"]
model = SentenceTransformer(sys.argv[1], device="cpu")
# One by one, so that no text is padded.
vectors = [model.encode(text, convert_to_numpy=True).astype("<f4") for text in texts]
assert all(abs(np.linalg.norm(vector) - 1) < 1e-5 for vector in vectors)
encoded = [base64.b64encode(vector.tobytes()).decode() for vector in vectors]
golden.write_text(json.dumps({"texts": texts, "vectors": encoded}, ensure_ascii=False, indent=1) + "\n")
