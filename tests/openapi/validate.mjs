// SPDX-License-Identifier: Apache-2.0
// validate.mjs DOCUMENT...: whether each is a valid OpenAPI document, says a validator that is not ours.
import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";

let failed = false;
for (const path of process.argv.slice(2)) {
  const validator = new Validator();
  const outcome = await validator.validate(JSON.parse(readFileSync(path, "utf8")));
  if (!outcome.valid || validator.version !== "3.1") {
    failed = true;
    console.error(path, validator.version, JSON.stringify(outcome.errors, null, 1));
  }
}
process.exit(failed ? 1 : 0);
