using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Workflows.GoogleCloud.Tests;

/// <summary>
/// Google's Pub/Sub emulator as a process of this test run. Needs nothing but this file: other test projects may
/// compile it by link.
/// </summary>
/// <remarks>The java process is started directly: gcloud leaves it behind when gcloud itself is stopped.</remarks>
internal sealed class PubSubEmulator : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(3);
    private readonly Process _process;

    private PubSubEmulator(Process process, int port) =>
        (_process, Host) = (process, string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}"));

    /// <summary>Gets <c>host:port</c>, as the variable PUBSUB_EMULATOR_HOST has it.</summary>
    public string Host { get; }

    /// <summary>Starts the emulator, or skips the calling test where it is not installed.</summary>
    public static async Task<PubSubEmulator> StartOrSkipAsync(CancellationToken cancellation)
    {
        var jar = await FindJarAsync(cancellation);
        if (jar is null)
        {
            const string reason = "Google's Pub/Sub emulator is missing: it needs java and gcloud, and "
                + "'gcloud components install pubsub-emulator'.";
            TestContext.Current.TestOutputHelper?.WriteLine($"Skipped: {reason}");
            Assert.Skip(reason);
        }

        var port = FreePort();
        var process = Process.Start(new ProcessStartInfo("java",
        [
            "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-jar", jar!, "--host=127.0.0.1",
            string.Create(CultureInfo.InvariantCulture, $"--port={port}"),
        ])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        }) ?? throw new InvalidOperationException("java did not start.");
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var emulator = new PubSubEmulator(process, port);
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

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
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

    private static async Task<string?> FindJarAsync(CancellationToken cancellation)
    {
        if (!IsOnPath("java") || !IsOnPath("gcloud"))
        {
            return null;
        }

        using var gcloud = Process.Start(new ProcessStartInfo("gcloud", ["info", "--format=value(installation.sdk_root)"])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        var output = gcloud.StandardOutput.ReadToEndAsync(cancellation);
        await gcloud.WaitForExitAsync(cancellation);
        var folder = Path.Combine((await output).Trim(), "platform", "pubsub-emulator", "lib");
        return Directory.Exists(folder)
            ? Directory.EnumerateFiles(folder, "cloud-pubsub-emulator-*-all.jar").FirstOrDefault()
            : null;
    }

    private static bool IsOnPath(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, program)));

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
