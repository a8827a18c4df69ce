"use strict";
// What every script here needs: the package's own worker and client against the address in the first argument. A script
// ends with exit code 0 when its checks held; what a failed check says goes to standard error.
const sdk = require("@microsoft/durabletask-js");

// The package for the Durable Task Scheduler, where the environment asks for it: its builders, its connection string.
const managed = process.env.WORKFLOWS_JS_MANAGED ? require("@microsoft/durabletask-js-azuremanaged") : undefined;
const connection = `Endpoint=http://${process.argv[2]};TaskHub=managed;Authentication=None`;

/** Completion, or a rejected promise after a while: the package's waits have no deadline that fails. */
exports.done = async function (client, id, seconds = 20) {
  const state = await client.waitForOrchestrationCompletion(id, true, seconds);
  if (state === undefined) {
    throw new Error(`no state for ${id}`);
  }

  return state;
};

exports.run = async function (client, name, input, options) {
  const id = await client.scheduleNewOrchestration(name, input, options);
  return exports.done(client, id);
};

exports.output = (state) => (state.serializedOutput === undefined ? undefined : JSON.parse(state.serializedOutput));

exports.sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Polls, for states that no call waits for. */
exports.until = async function (check, what) {
  for (let tries = 0; tries < 400; tries++) {
    const value = await check();
    if (value) {
      return value;
    }

    await exports.sleep(25);
  }

  throw new Error(`waited in vain: ${what}`);
};

/** A worker, with options of its own. */
exports.newWorker = (options = {}) => {
  if (managed === undefined) {
    return new sdk.TaskHubGrpcWorker({ hostAddress: process.argv[2], logger: new sdk.NoOpLogger(), ...options });
  }

  const builder = new managed.DurableTaskAzureManagedWorkerBuilder()
    .connectionString(connection)
    .logger(new sdk.NoOpLogger());
  for (const [name, value] of Object.entries(options)) {
    if (name === "versioning") {
      builder.versioning(value);
    } else if (name === "workItemFilters") {
      builder.useWorkItemFilters(value === "auto" ? undefined : value);
    } else {
      throw new Error(`the managed builder has no ${name}`);
    }
  }

  return builder.build();
};

const newClient = () =>
  managed === undefined
    ? new sdk.TaskHubGrpcClient({ hostAddress: process.argv[2], logger: new sdk.NoOpLogger() })
    : new managed.DurableTaskAzureManagedClientBuilder()
        .connectionString(connection)
        .logger(new sdk.NoOpLogger())
        .build();

/** Registers, starts the worker, runs the body and ends the process. */
exports.main = async function (register, body) {
  const worker = exports.newWorker();
  const client = newClient();
  let code = 0;
  try {
    register(worker);
    await worker.start();
    await body(client, worker);
  } catch (error) {
    process.stderr.write(`${error.stack}\n`);
    code = 1;
  }

  await Promise.race([worker.stop().catch(() => {}), exports.sleep(1000)]);
  process.exit(code);
};
