// Checks manifests as `forge lint` does: the full validation and the scopes of the triggers. Asks nobody; prints every finding.

import { resolve } from "node:path";
import manifest from "@forge/manifest";

const { FullValidationProcessor, ProductTriggerValidationProcessor } = manifest;
const deprecatedRuntimes = ["nodejs18.x", "nodejs20.x"];
const processors = [new FullValidationProcessor({ deprecatedRuntimes }), new ProductTriggerValidationProcessor()];

async function check(file) {
  let wrong = 0;
  for (const processor of processors) {
    const { success, errors = [] } = await processor.process(resolve(file));
    for (const { level = "error", message, line = 0, column = 0 } of errors) {
      if (level !== "warning") wrong += 1;
      console.log(`${file}:${line}:${column} ${level} ${message}`);
    }
    if (!success && !errors.length) {
      wrong += 1;
      console.log(`${file}:0:0 error ${processor.constructor.name} did not pass`);
    }
  }
  console.log(`${file}: ${wrong ? `${wrong} error${wrong === 1 ? "" : "s"}` : "valid"}`);
  return wrong;
}

const files = process.argv.slice(2);
let wrong = 0;
for (const file of files.length ? files : ["manifest.yml"]) wrong += await check(file);
process.exitCode = wrong ? 1 : 0;
