// Checks a manifest as `forge lint` does: the full validation and the scopes of its triggers. Asks nobody; prints every finding.

import { resolve } from "node:path";
import manifest from "@forge/manifest";

const { FullValidationProcessor, ProductTriggerValidationProcessor } = manifest;
const file = resolve(process.argv[2] ?? "manifest.yml");
const processors = [new FullValidationProcessor({ deprecatedRuntimes: ["nodejs18.x", "nodejs20.x"] }), new ProductTriggerValidationProcessor()];
let wrong = 0;

for (const processor of processors) {
  const { success, errors = [] } = await processor.process(file);
  for (const { level, message, line, column } of errors) {
    if (level !== "warning") wrong += 1;
    console.log(`${file}:${line ?? 0}:${column ?? 0} ${level ?? "error"} ${message}`);
  }
  if (!success && !errors.length) {
    wrong += 1;
    console.log(`${file} error ${processor.constructor.name} did not pass`);
  }
}
console.log(wrong ? `${wrong} error${wrong === 1 ? "" : "s"}` : "The manifest is valid.");
process.exitCode = wrong ? 1 : 0;
