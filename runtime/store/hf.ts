import { gitBlobChecksum, sha256Checksum } from './checksum.ts';
import { invalid, notFound } from './errors.ts';
import { openHub, type Hub, type HubFile } from './hf-hub.ts';
import { hubPlace } from './hf-place.ts';
import { openConstant } from './http-client.ts';
import { isArchive, pathProblem, quoted, type RemoteFile, type Scheme, type SourceContext } from './source.ts';

/**
 * `hf://ORG/NAME[/PATH][@REVISION]`, or `hf://datasets/ORG/NAME…`: a file, an archive or a folder of a repository of the Hugging
 * Face Hub, at the commit that the revision names when it is asked. Of a model's repository only what serving needs.
 */
export const hf: Scheme = async (context) => {
  const { subject, shown } = context;
  const place = hubPlace(context);
  const hub = openHub(place, context);
  const commit = await hub.commit();
  const listed = await hub.list(commit);
  const remote = (file: HubFile, path: string): RemoteFile => remoteFile(file, path, commit, hub, context);
  const name = place.path.slice(place.path.lastIndexOf('/') + 1);
  const exact = listed.find(({ path }) => path === place.path);
  if (exact && isArchive(name)) return { kind: 'archive', files: [remote(exact, name)] };
  const named = subject.named(name);
  if (exact && named === 'either') return { kind: 'file', files: [remote(exact, name)] };
  const isFile = exact !== undefined && named === 'file';
  const folder = isFile || place.path === '' ? '' : `${place.path}/`;
  const inside = new Map(
    listed.flatMap((file) => (file.path.startsWith(folder) ? [[file.path.slice(folder.length), file]] : [])),
  );
  if (inside.size === 0 || (named === 'file' && !isFile)) {
    throw notFound(
      `There is no ${subject.noun} at ${shown}: ${quoted(place.repository)} has no ${quoted(place.path)} at ${quoted(place.revision)}.`,
    );
  }
  const wanted = subject.select?.([...inside.keys()], isFile ? place.path : undefined, shown) ?? [...inside.keys()];
  const files = wanted.flatMap((path) => {
    const file = inside.get(path);
    return file ? [remote(file, path)] : [];
  });
  return { kind: 'folder', files: withinLimits(files, context) };
};

function remoteFile(file: HubFile, path: string, commit: string, hub: Hub, { shown }: SourceContext): RemoteFile {
  const problem = pathProblem(path);
  if (problem) throw invalid(`${shown}: the file ${quoted(file.path)} ${problem}.`);
  const { lfs } = file;
  const size = lfs?.size ?? file.size;
  const version = lfs?.oid ?? file.oid;
  const content = {
    size,
    version,
    ask: (headers: Readonly<Record<string, string>>) => hub.get(commit, file.path, headers),
    refused: (status: number) => hub.refused(status),
  };
  return {
    path,
    size,
    version,
    checksum: lfs ? sha256Checksum(lfs.oid) : gitBlobChecksum(version, size),
    open: (offset) => openConstant(content, offset, shown),
  };
}

function withinLimits(files: RemoteFile[], { shown, limits }: SourceContext): RemoteFile[] {
  if (files.length > limits.files) throw invalid(`${shown} has more than ${limits.files} files.`);
  const bytes = files.reduce((sum, { size = 0 }) => sum + size, 0);
  if (bytes > limits.bytes) throw invalid(`${shown} is larger than ${limits.bytes} bytes.`);
  return files;
}
