using System.Diagnostics;

namespace Workflows.TestKit;

/// <summary>Google's Pub/Sub emulator as a process of this test run.</summary>
/// <remarks>The java process is started directly: gcloud leaves it behind when gcloud itself is stopped.</remarks>
public sealed class PubSubEmulator : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(3);
    private readonly ReservedPort _port;
    private readonly string _jar;
    private Process _process;

    private PubSubEmulator(string jar, ReservedPort port) =>
        (_jar, _port, _process, Host) = (jar, port, Launch(jar, port), $"127.0.0.1:{port.Number}");

    /// <summary>Gets <c>host:port</c>, as the variable PUBSUB_EMULATOR_HOST has it.</summary>
    public string Host { get; }

    /// <summary>Starts the emulator and waits until it answers; skips the test if it is not installed.</summary>
    /// <param name="cancellation">Cancels the start.</param>
    /// <returns>The emulator; disposal ends it.</returns>
    public static async Task<PubSubEmulator> StartOrSkipAsync(CancellationToken cancellation)
    {
        var jar = await FindJarAsync();
        Skipped.Unless(jar is not null, "Google's Pub/Sub emulator is missing: it needs java and gcloud, and "
            + "'gcloud components install pubsub-emulator'.");

        // It can bind port 0, but does not say what it got.
        var port = ReservedPort.Take();
        var emulator = new PubSubEmulator(jar!, port);
        try
        {
            await emulator.AnswersAsync(cancellation);
            return emulator;
        }
        catch
        {
            await emulator.DisposeAsync();
            throw;
        }
    }

    /// <summary>Kills the emulator, which loses all that it has.</summary>
    /// <returns>A task that completes when it is gone.</returns>
    public async Task KillAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }
    }

    /// <summary>Starts an emulator that was killed anew, on the same port.</summary>
    /// <param name="cancellation">Cancels the start.</param>
    /// <returns>A task that completes when it answers.</returns>
    public async Task StartAgainAsync(CancellationToken cancellation)
    {
        _process.Dispose();
        _process = Launch(_jar, _port);
        await AnswersAsync(cancellation);
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
        _port.Dispose();
    }

    private static Process Launch(string jar, ReservedPort port)
    {
        var process = Process.Start(new ProcessStartInfo("java",
        [
            "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-jar", jar, "--host=127.0.0.1",
            $"--port={port.Number}",
        ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        }) ?? throw new InvalidOperationException("java did not start.");
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    private async Task AnswersAsync(CancellationToken cancellation)
    {
        using var http = new HttpClient();
        var watch = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                using var answer = await http.GetAsync(new Uri($"http://{Host}/"), cancellation);
                if (answer.IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (HttpRequestException) when (!_process.HasExited && watch.Elapsed < StartLimit)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), cancellation);
            }
        }
    }

    private static async Task<string?> FindJarAsync()
    {
        if (!Command.IsInstalled("java") || !Command.IsInstalled("gcloud"))
        {
            return null;
        }

        var gcloud = await Command.RunAsync("gcloud", ["info", "--format=value(installation.sdk_root)"]);
        var folder = Path.Combine(gcloud.Output.Trim(), "platform", "pubsub-emulator", "lib");
        return Directory.Exists(folder)
            ? Directory.EnumerateFiles(folder, "cloud-pubsub-emulator-*-all.jar").FirstOrDefault()
            : null;
    }
}
