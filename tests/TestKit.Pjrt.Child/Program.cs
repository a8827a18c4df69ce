using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using Workflows.TpuWorker.Pjrt;
using Workflows.TpuWorker.Pjrt.Processes;

// A child process for tests: does what each request says.
var isSlow = Environment.GetEnvironmentVariable("SLOW_ANSWERS") is not null;
using (var service = isSlow ? ChildService.Open(output => new SlowStream(output)) : ChildService.Open())
{
    await service.RunAsync(AnswerAsync);
}

if (Environment.GetEnvironmentVariable("SIGNAL_AT_END") is not null)
{
    await ReceiveSignalsAsync();
}

return 0;

// Two, one after the other: the default action of the first would end the process before the second is received.
static async Task ReceiveSignalsAsync()
{
    for (var count = 0; count < 2; count++)
    {
        var received = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var onSignal = PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ => received.TrySetResult());
        using var kill = Process.Start("kill", $"-TERM {Environment.ProcessId}");
        await received.Task;
    }
}

static async Task<byte[]> AnswerAsync(ReadOnlyMemory<byte> request, ChildService service)
{
    if (request.Span[0] == '{')
    {
        return await CompileAsync(JsonNode.Parse(request.Span)!.AsObject(), service);
    }

    var words = Encoding.UTF8.GetString(request.Span).Split(' ', 2);
    switch (words[0])
    {
        case "echo":
            return Encoding.UTF8.GetBytes(words[1]);
        case "length":
            return Encoding.UTF8.GetBytes($"{request.Length}");
        case "variable":
            return Encoding.UTF8.GetBytes(Environment.GetEnvironmentVariable(words[1]) ?? "");
        case "print":
            Console.WriteLine($"printed {words[1]}");
            return [];
        case "notes":
            await service.NoteAsync("one"u8.ToArray());
            await service.NoteAsync("two"u8.ToArray());
            return "three"u8.ToArray();
        case "steps":
            for (var step = 1; step <= int.Parse(words[1], null) && !service.Stopping.IsCancellationRequested; step++)
            {
                await service.NoteAsync(Encoding.UTF8.GetBytes($"{step}"));
                await Task.Delay(TimeSpan.FromMilliseconds(100), service.Stopping)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            return Encoding.UTF8.GetBytes(service.Stopping.IsCancellationRequested ? "stopped" : "done");
        case "hang":
            await Console.Error.WriteLineAsync("I hang.");
            await service.NoteAsync("hanging"u8.ToArray());

            // A thread that is stuck, as in a plugin's call: the event is never set.
            new ManualResetEvent(false).WaitOne();
            return [];
        case "exit":
            await Console.Error.WriteLineAsync("I go.");
            Environment.Exit(int.Parse(words[1], null));
            return [];
        case "abort":
            Environment.FailFast("Check failed: replica_count > 0");
            return [];
        case "lose":
            throw new PjrtException(PjrtErrorCode.Unavailable, "LoadedExecutable_Execute", "The chip is gone.");
        case "refuse":
            throw new PjrtException(PjrtErrorCode.ResourceExhausted, "Client_Compile", "Out of memory on HBM.");
        case "plugin":
            using (var client = PjrtClient.Create(PjrtPlugin.Load(words[1])))
            {
                return Encoding.UTF8.GetBytes($"{client.PlatformName} {client.Plugin.ApiVersion}");
            }

        default:
            throw new ArgumentException($"'{words[0]}' is no request.");
    }
}

// A program to compile: the name of the plugin's file says what happens, its content is the memory of every program.
static async Task<byte[]> CompileAsync(JsonObject order, ChildService service)
{
    var plugin = (string)order["Plugin"]!;
    await File.AppendAllTextAsync($"{plugin}.calls", $"{order["Topology"]}\n");
    switch (Path.GetFileNameWithoutExtension(plugin))
    {
        case "works":
            return Answer("tpu 9.9", JsonNode.Parse(await File.ReadAllTextAsync(plugin)));
        case "forgets":
            return Answer("tpu 9.9", null);
        case "cuda":
            return Answer("cuda 12", JsonNode.Parse(await File.ReadAllTextAsync(plugin)));
        case "refuses":
            throw new PjrtException(
                PjrtErrorCode.ResourceExhausted, "TopologyDescription_Compile", "Ran out of memory on HBM.");
        case "cpu":
            throw new PjrtException(
                PjrtErrorCode.Unimplemented, "TopologyDescription_Create",
                "Topology not supported for CPU compilation.");
        case "nonsense":
            return "]["u8.ToArray();
        case "null":
            return "null"u8.ToArray();
        case "hangs":
            return await AnswerAsync("hang"u8.ToArray(), service);
        case "aborts":
            return await AnswerAsync("abort"u8.ToArray(), service);
        default:
            return await AnswerAsync("exit 3"u8.ToArray(), service);
    }

    static byte[] Answer(string compiler, JsonNode? memory) => Encoding.UTF8.GetBytes(
        new JsonObject { ["Compiler"] = compiler, ["Seconds"] = 1.5, ["Memory"] = memory }.ToJsonString());
}
