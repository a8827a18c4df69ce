using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Workflows.TestKit;

namespace Workflows.Http.Bench;

/// <summary>The service as a program of its own, with a state folder that is deleted at its end.</summary>
internal sealed class ServiceProcess : IAsyncDisposable
{
    private const int MostErrors = 20;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(200);

    private readonly TemporaryFolder _folder = new("http-bench-");
    private readonly Uri _address;
    private readonly HttpClient _http;
    private readonly Queue<string> _errors = new();
    private Process? _process;

    private ServiceProcess(Uri address)
    {
        _address = address;
        _http = Connect();
    }

    /// <summary>Gets the state folder.</summary>
    public string Folder => _folder.Path;

    public static async Task<ServiceProcess> StartAsync()
    {
        using var ports = ReservedPort.Take(4);
        var service = new ServiceProcess(new Uri($"http://127.0.0.1:{ports.Number}"));
        await service.StartAgainAsync();
        return service;
    }

    /// <summary>Starts the program on its folder and ports, which its workers know.</summary>
    /// <returns>The time until it is ready.</returns>
    public async Task<TimeSpan> StartAgainAsync()
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory);
        var program = Path.Combine(
            here.Parent!.Parent!.FullName, "Workflows.Service", here.Name, "Workflows.Service.dll");
        var begun = Stopwatch.GetTimestamp();

        // Without sweeps: the copies of runs that pay name a project that Google does not have.
        _process = Process.Start(new ProcessStartInfo(
            "dotnet",
            [
                program, "--urls", $"{_address}", $"--Workflows:StateDirectory={Folder}",
                "--Workflows:SweepMinutes=0", "--Logging:LogLevel:Default=Warning",
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
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
        while (!await IsUpAsync())
        {
            await Task.Delay(Look);
        }

        return Stopwatch.GetElapsedTime(begun);
    }

    /// <summary>Kills the program, whose emulated VMs go on.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _process = null;
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
        _process!.Refresh();
        return _process.WorkingSet64 / 1e6;
    }

    public async Task<string> StartRunAsync(int steps, double budgetUsd, int batchSize = 32)
    {
        using var answer = await _http.PostAsJsonAsync(new Uri("/runs", UriKind.Relative), new
        {
            direction = "ko-en",
            model = Checkout.PathOf("samples", "tiny-gemma3"),
            prompt = "brief",
            data = new { train = Checkout.PathOf("samples", "ko-en.train.tsv") },
            tpu = new { acceleratorTypes = new[] { "v5litepod-8" } },
            training = new { steps, batchSize, maxLength = 128 },
            budgetUsd,
            allowOverBudget = true,
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

    /// <summary>Waits until a run has succeeded.</summary>
    public async Task UntilSucceededAsync(string id)
    {
        while (true)
        {
            var run = await _http.GetFromJsonAsync<JsonElement>(new Uri($"/runs/{id}", UriKind.Relative));
            if (run.GetProperty("hasEnded").GetBoolean())
            {
                if (run.GetProperty("status").GetString() == "succeeded")
                {
                    return;
                }

                throw new InvalidOperationException($"The run to copy has no verdict: {run}");
            }

            await Task.Delay(Look);
        }
    }

    /// <summary>Asks once.</summary>
    /// <returns>The time until the answer is there.</returns>
    public async Task<TimeSpan> AskAsync(string path)
    {
        var begun = Stopwatch.GetTimestamp();
        using var answer = await _http.GetAsync(new Uri(path, UriKind.Relative));
        await answer.Content.CopyToAsync(Stream.Null);
        return answer.IsSuccessStatusCode
            ? Stopwatch.GetElapsedTime(begun)
            : throw new InvalidOperationException($"GET {path}: {(int)answer.StatusCode}");
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        if (_process is not null)
        {
            await KillAsync();
        }

        // That of the live run.
        WorkerProcesses.End(Folder);
        _folder.Dispose();
    }

    private async Task<bool> IsUpAsync()
    {
        if (_process!.HasExited)
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
