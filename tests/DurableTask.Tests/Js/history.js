"use strict";
// The history as the client reads it: kinds, order, numbers and payloads.
const assert = require("node:assert/strict");
const { main, run, done } = require("./harness");

main(
  (worker) => {
    worker.addNamedActivity("echo", (_, value) => value);
    worker.addNamedActivity("fail", () => {
      throw new Error("broken");
    });
    worker.addNamedOrchestrator("child", async function* (_, value) {
      return value;
    });
    worker.addNamedOrchestrator("all", async function* (context, input) {
      yield context.callActivity("echo", input);
      yield context.createTimer(0.05);
      yield context.callSubOrchestrator("child", 2);
      yield context.waitForExternalEvent("go");
      context.sendEvent("nobody", "hello", 3);
      try {
        yield context.callActivity("fail");
      } catch (error) {
        return error.message.length > 0;
      }
    });
  },
  async (client) => {
    await client.scheduleNewOrchestration("all", 1, "all");
    await client.raiseOrchestrationEvent("all", "go", "now");
    await done(client, "all");
    const history = await client.getOrchestrationHistory("all");
    const of = (type) => history.filter((event) => event.type === type);

    assert.deepEqual(
      history.map((event) => event.type).filter((type) => !/OrchestratorStarted|EventRaised/.test(type)),
      [
        "ExecutionStarted",
        "TaskScheduled",
        "TaskCompleted",
        "TimerCreated",
        "TimerFired",
        "SubOrchestrationInstanceCreated",
        "SubOrchestrationInstanceCompleted",
        "EventSent",
        "TaskScheduled",
        "TaskFailed",
        "ExecutionCompleted",
      ],
    );
    assert.equal(history[0].type, "OrchestratorStarted");
    assert.equal(of("ExecutionStarted")[0].input, "1");
    assert.equal(of("TaskCompleted")[0].taskScheduledId, of("TaskScheduled")[0].eventId);
    assert.equal(of("TimerFired")[0].timerId, of("TimerCreated")[0].eventId);
    assert.equal(
      of("SubOrchestrationInstanceCompleted")[0].taskScheduledId, of("SubOrchestrationInstanceCreated")[0].eventId);
    assert.match(of("TaskFailed")[0].failureDetails.message, /broken/);
    assert.equal(of("EventRaised")[0].name, "go");
    assert.ok(of("TimerFired")[0].fireAt instanceof Date);
    const child = await client.getOrchestrationHistory(of("SubOrchestrationInstanceCreated")[0].instanceId);
    assert.equal(child.find((event) => event.type === "ExecutionStarted").parentInstance.orchestrationInstance.instanceId, "all");
    assert.deepEqual(await client.getOrchestrationHistory("nobody"), []);
    await run(client, "child", 5);
  },
);
