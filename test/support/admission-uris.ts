/** What is said of a URI, URIs of which it is said, and one of which it is not. */
export const uriCases: [says: string, faulty: string[], right: string][] = [
  ['must be a URI with one of the schemes', ['ftp://a/b'], 'gs://a/b'],
  ['must not carry credentials', ['https://me:secret@host/m.onnx'], 'https://host/m@1.onnx'],
  [
    'must name a bucket and a path in it',
    ['gs://Models/a.onnx', 'gs:///a.onnx', 'gs://models:1/a'],
    'gs://models_1/a%20b',
  ],
  ['must name a PersistentVolumeClaim', ['pvc:///m.onnx'], 'pvc://models/m.onnx'],
  [
    'must name a registry, a repository in lower case',
    ['oci://registry', 'oci://registry/Models', 'oci://registry/m:', 'oci://registry/m@sha256:12', 'oci://r/m:v1/x'],
    `oci://registry:5000/models/digits:v3@sha256:${'a'.repeat(64)}`,
  ],
  [
    'must name an organisation and a repository',
    ['hf://minilm', 'hf://acme/', 'hf://acme/minilm@', 'hf://acme/minilm@main@main'],
    'hf://acme/all-MiniLM-L6_v2/onnx/model.onnx@refs/pr/1',
  ],
  ["must not hold a '..' segment", ['pvc://models/../m.onnx'], 'pvc://models/a..b/m.onnx'],
  [
    'must follow each percent sign with two hexadecimal digits',
    ['pvc://models/%zz/x.onnx', 's3://models/%2', 'http://models/100%', 'pvc://models/%2g/x.onnx'],
    'pvc://models/100%25/%C3%a9.onnx',
  ],
];
