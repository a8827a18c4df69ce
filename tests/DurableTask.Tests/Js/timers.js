"use strict";
const assert = require("node:assert/strict");
const { whenAny } = require("@microsoft/durabletask-js");
const { main, run, output } = require("./harness");

main(
  (worker) => {
    worker.addNamedOrchestrator("timer", async function* (context) {
      const before = context.currentUtcDateTime.getTime();
      yield context.createTimer(0.5);
      yield context.createTimer(new Date(before - 60_000));
      return context.currentUtcDateTime.getTime() - before;
    });
    worker.addNamedOrchestrator("race", async function* (context) {
      const event = context.waitForExternalEvent("never");
      const timer = context.createTimer(0.2);
      const winner = yield whenAny([event, timer]);
      return winner === timer ? "timer" : "event";
    });
    worker.addNamedOrchestrator("at-once", async function* () {
      return "ran";
    });
  },
  async (client) => {
    const slept = output(await run(client, "timer"));
    assert.ok(slept >= 500 && slept < 5000, `slept ${slept}`);
    assert.equal(output(await run(client, "race")), "timer");
    const started = Date.now();
    const later = await run(client, "at-once", undefined, { startAt: new Date(started + 700) });
    assert.equal(output(later), "ran");
    assert.ok(Date.now() - started >= 690, "the scheduled start came early");
  },
);
