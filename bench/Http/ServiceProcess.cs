using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Workflows.TestKit;

namespace Workflows.Http.Bench;

/// <summary>The service as a program of its own, with a state folder that is deleted at its end.</summary>
internal sealed class ServiceProcess : IAsyncDisposable
{
    private const int AtOnce = 32, MostErrors = 20;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(200);

    private readonly Process _process;
    private readonly TemporaryFolder _folder;
    private readonly Uri _address;
    private readonly HttpClient _http;
    private readonly Queue<string> _errors = new();

    private ServiceProcess(Process process, TemporaryFolder folder, Uri address)
    {
        (_process, _folder, _address) = (process, folder, address);
        _http = Connect();
        _process.OutputDataReceived += (_, _) => { };
        _process.ErrorDataReceived += (_, line) =>
        {
            lock (_errors)
            {
                _errors.Enqueue(line.Data ?? "");
                if (_errors.Count > MostErrors)
                {
                    _errors.Dequeue();
                }
            }
        };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public static async Task<ServiceProcess> StartAsync()
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory);
        var program = Path.Combine(
            here.Parent!.Parent!.FullName, "Workflows.Service", here.Name, "Workflows.Service.dll");
        var folder = new TemporaryFolder("http-bench-");
        using var ports = ReservedPort.Take(4);
        var address = new Uri($"http://127.0.0.1:{ports.Number}");
        var process = Process.Start(new ProcessStartInfo(
            "dotnet",
            [
                program, "--urls", $"{address}", $"--Workflows:StateDirectory={folder.Path}",
                "--Logging:LogLevel:Default=Warning",
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var service = new ServiceProcess(process, folder, address);
        while (!await service.IsUpAsync())
        {
            await Task.Delay(Look);
        }

        return service;
    }

    /// <summary>Returns the load of the machine over the last minute.</summary>
    public static string LoadOfMachine() =>
        File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "unknown";

    public HttpClient Connect() => new(new SocketsHttpHandler { PooledConnectionLifetime = Timeout.InfiniteTimeSpan })
    {
        BaseAddress = _address,
        Timeout = Timeout.InfiniteTimeSpan,
    };

    /// <summary>Returns the resident memory of the service in MB; 0 where the system does not tell it.</summary>
    public double Megabytes()
    {
        _process.Refresh();
        return _process.WorkingSet64 / 1e6;
    }

    public async Task<string> StartRunAsync(int steps, double budgetUsd)
    {
        using var answer = await _http.PostAsJsonAsync(new Uri("/runs", UriKind.Relative), new
        {
            direction = "ko-en",
            model = Checkout.PathOf("samples", "tiny-gemma3"),
            prompt = "brief",
            data = new { train = Checkout.PathOf("samples", "ko-en.train.tsv") },
            tpu = new { acceleratorTypes = new[] { "v5litepod-8" } },
            training = new { steps, batchSize = 32, maxLength = 128 },
            budgetUsd,
            allowOverBudget = budgetUsd > 1,
            rehearsal = new { },
        });
        var body = await answer.Content.ReadFromJsonAsync<JsonElement>();
        return answer.IsSuccessStatusCode
            ? body.GetProperty("id").GetString()! : throw new InvalidOperationException($"{body}");
    }

    /// <summary>Waits until a run trains.</summary>
    public async Task UntilTrainingAsync(string id)
    {
        while (true)
        {
            var run = await _http.GetFromJsonAsync<JsonElement>(new Uri($"/runs/{id}", UriKind.Relative));
            if (run.TryGetProperty("progress", out var progress) && progress.ValueKind == JsonValueKind.Object
                && progress.GetProperty("step").GetInt32() > 0)
            {
                return;
            }

            if (run.GetProperty("hasEnded").GetBoolean())
            {
                throw new InvalidOperationException($"The live run has ended: {run}");
            }

            await Task.Delay(Look);
        }
    }

    /// <summary>Starts runs that end at their plan, since they would cost more than their budget.</summary>
    public async Task FinishRunsAsync(int count)
    {
        await Parallel.ForEachAsync(
            Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = AtOnce },
            async (_, _) => await StartRunAsync(steps: 1_000_000, budgetUsd: 0.01));
        var path = new Uri("/runs?status=pending,running&limit=2", UriKind.Relative);
        while ((await _http.GetFromJsonAsync<JsonElement>(path)).GetArrayLength() > 1)
        {
            await Task.Delay(Look);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        if (!_process.HasExited)
        {
            // With the worker of the live run.
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
        WorkerProcesses.End(_folder.Path);
        _folder.Dispose();
    }

    private async Task<bool> IsUpAsync()
    {
        if (_process.HasExited)
        {
            throw new InvalidOperationException(string.Create(
                CultureInfo.InvariantCulture,
                $"The service ended with code {_process.ExitCode}: {string.Join('\n', _errors)}"));
        }

        try
        {
            using var answer = await _http.GetAsync(new Uri("/readyz", UriKind.Relative));
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
