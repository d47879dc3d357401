// Whether a file lies in a folder, links followed: a link that leads into a workspace is the workspace's.

import { realpathSync } from "node:fs";
import { dirname, isAbsolute, join, relative, basename } from "node:path";

/** True for anything that is not certainly outside: a relative path, and either name of a linked file. */
export function isBelow(file: string, folder: string): boolean {
  if (!isAbsolute(file)) return true;
  // The folder of an interpreter decides: the interpreter of an environment is itself a link to the system's.
  const places = [file, join(real(dirname(file)), basename(file)), real(file)];
  return [folder, real(folder)].some((root) => places.some((place) => isInside(relative(root, place))));
}

function isInside(path: string): boolean {
  return path !== ".." && !path.startsWith("../") && !path.startsWith("..\\") && !isAbsolute(path);
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
