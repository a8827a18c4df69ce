using System.Diagnostics;
using System.Net.Sockets;

namespace Workflows.DurableTask.Tests.Crash;

/// <summary>The sidecar program as a process of its own, to be killed without warning.</summary>
public sealed class SidecarProcess(string folder, int port) : IAsyncDisposable
{
    private Process? _process;

    public string Address { get; } = $"http://127.0.0.1:{port}";

    public async Task StartAsync(CancellationToken cancellation)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in (string[])
            [
                Path.Combine(AppContext.BaseDirectory, "Workflows.DurableTask.Sidecar.dll"),
                "--urls", Address, "--data", folder, "--Logging:LogLevel:Default", "Error",
            ])
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, _) => { };
        _process.ErrorDataReceived += (_, line) =>
            TestContext.Current.SendDiagnosticMessage("sidecar: {0}", line.Data ?? "");
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            Assert.False(_process.HasExited, "The sidecar ended by itself.");
            try
            {
                using var probe = new TcpClient();
                await probe.ConnectAsync("127.0.0.1", port, cancellation);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), cancellation);
            }
        }
    }

    /// <summary>SIGKILL: no handler runs, no buffer is flushed.</summary>
    public async Task KillAsync()
    {
        if (_process is not null)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
            _process = null;
        }
    }

    public async ValueTask DisposeAsync() => await KillAsync();
}
