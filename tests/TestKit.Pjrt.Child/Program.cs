using System.Text;
using Workflows.TpuWorker.Pjrt;
using Workflows.TpuWorker.Pjrt.Processes;

// A child process for tests: does what each request says.
using var service = ChildService.Open();
await service.RunAsync(AnswerAsync);
return 0;

static async Task<byte[]> AnswerAsync(ReadOnlyMemory<byte> request, ChildService service)
{
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
