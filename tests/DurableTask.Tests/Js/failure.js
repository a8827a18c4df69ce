"use strict";
const assert = require("node:assert/strict");
const { main, run } = require("./harness");

main(
  (worker) => {
    worker.addNamedActivity("fail", () => {
      throw new TypeError("the activity's text");
    });
    worker.addNamedOrchestrator("throws", async function* () {
      throw new RangeError("the orchestrator's text");
    });
    worker.addNamedOrchestrator("calls", async function* (context) {
      yield context.callActivity("fail");
    });
    worker.addNamedOrchestrator("unknown-activity", async function* (context) {
      yield context.callActivity("nowhere");
    });
  },
  async (client) => {
    const thrown = await run(client, "throws");
    assert.equal(thrown.runtimeStatus, 3);
    assert.match(thrown.failureDetails.message, /the orchestrator's text/);
    const called = await run(client, "calls");
    assert.match(called.failureDetails.message, /the activity's text/);
    const missing = await run(client, "unknown-activity");
    assert.equal(missing.runtimeStatus, 3);
    const unknown = await run(client, "nowhere");
    assert.equal(unknown.runtimeStatus, 3);
  },
);
