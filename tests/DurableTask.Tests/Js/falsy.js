"use strict";
const assert = require("node:assert/strict");
const { EntityInstanceId, TaskEntity } = require("@microsoft/durabletask-js");
const { main, run, done, output } = require("./harness");

class Box extends TaskEntity {
  initializeState() {
    return "unset";
  }

  set(value) {
    this.state = value;
    return value;
  }

  get() {
    return this.state;
  }
}

main(
  (worker) => {
    worker.addNamedEntity("box", () => new Box());
    worker.addNamedActivity("echo", (_, value) => value);
    worker.addNamedOrchestrator("child", async function* (_, value) {
      return value;
    });
    worker.addNamedOrchestrator("all", async function* (context, value) {
      const seen = [value];
      seen.push(yield context.callActivity("echo", value));
      seen.push(yield context.callSubOrchestrator("child", value));
      seen.push(yield context.waitForExternalEvent("value"));
      context.setCustomStatus(value);
      return seen;
    });
    worker.addNamedOrchestrator("box", async function* (context, [key, value]) {
      const id = new EntityInstanceId("box", key);
      const set = yield context.entities.callEntity(id, "set", value);
      return [set, yield context.entities.callEntity(id, "get")];
    });
    worker.addNamedOrchestrator("echo", async function* (_, value) {
      return value;
    });
  },
  async (client) => {
    for (const [index, value] of [0, "", false, null].entries()) {
      const id = `all-${index}`;
      await client.scheduleNewOrchestration("all", value, id);
      await client.raiseOrchestrationEvent(id, "value", value);
      const all = await done(client, id);
      assert.deepEqual(output(all), [value, value, value, value]);
      assert.equal(all.serializedInput, JSON.stringify(value));
      // The package takes a status of null as none.
      assert.equal(all.serializedCustomStatus, value === null ? undefined : JSON.stringify(value));
      if (value !== null) {
        // A null state deletes an entity.
        assert.deepEqual(output(await run(client, "box", [id, value])), [value, value]);
        const entity = await client.getEntity(new EntityInstanceId("box", id));
        assert.equal(entity.state, value);
      }

      await client.scheduleNewOrchestration("echo", value, `echo-${index}`);
      assert.equal((await done(client, `echo-${index}`)).serializedOutput, JSON.stringify(value));
    }
  },
);
