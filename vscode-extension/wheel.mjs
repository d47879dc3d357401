// Builds the wheel that the .vsix carries, into dist/server/: Tabwright as it stands in this checkout, model included.
// TABWRIGHT_PYTHON names the Python to build with; else the checkout's own environment is used, else `python3`.
// TABWRIGHT_WHEEL names a wheel that is built already (`make dist` has one): that one is taken as it is.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const folder = resolve(import.meta.dirname, "dist", "server");
const own = resolve(root, ".venv", ...(process.platform === "win32" ? ["Scripts", "python.exe"] : ["bin", "python"]));
const python = process.env.TABWRIGHT_PYTHON ?? (existsSync(own) ? own : "python3");

const run = (...args) => spawnSync(python, args, { cwd: import.meta.dirname, stdio: ["ignore", "ignore", "inherit"] });

function build() {
  // Without the build tool at hand, pip fetches it for this one build.
  const hasTool = run("-c", "import importlib.util as u, sys; sys.exit(u.find_spec('hatchling') is None)").status === 0;
  const pip = ["-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder];
  const { status, error } = run(...pip, ...(hasTool ? ["--no-build-isolation"] : []), root);
  if (status === 0) return;
  console.error(`the wheel could not be built with ${python}${error ? `: ${error.message}` : ""}`);
  process.exit(1);
}

rmSync(folder, { recursive: true, force: true });
const built = process.env.TABWRIGHT_WHEEL;
if (built) {
  mkdirSync(folder, { recursive: true });
  copyFileSync(built, resolve(folder, basename(built)));
} else {
  build();
}
const wheels = readdirSync(folder);
if (wheels.length !== 1) throw new Error(`expected one wheel in ${folder}, found: ${wheels.join(", ")}`);
console.log(`dist/server/${wheels[0]}`);
