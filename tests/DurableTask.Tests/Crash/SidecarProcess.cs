using System.Diagnostics;
using System.Net.Sockets;

namespace Workflows.DurableTask.Tests.Crash;

/// <summary>The sidecar program as a process of its own, to be killed without warning.</summary>
public sealed class SidecarProcess(string folder, int port) : IAsyncDisposable
{
    private Process? _process;
    private Task<string>? _errors;

    public string Address { get; } = $"http://127.0.0.1:{port}";

    /// <summary>A command that runs the program, such as one that takes rights away from it.</summary>
    public IReadOnlyList<string> Wrapper { get; init; } = [];

    public bool IsRunning => _process is { HasExited: false };

    /// <param name="cancellation">Ends the wait for the port.</param>
    /// <param name="fault">NAME:COUNT of a fault point; null for none.</param>
    /// <param name="arguments">More arguments of the program.</param>
    public async Task StartAsync(CancellationToken cancellation, string? fault = null, params string[] arguments)
    {
        Launch(fault, arguments);
        await WaitForPortAsync(port, cancellation, fault);
    }

    /// <summary>Returns when the program listens on a port.</summary>
    public async Task WaitForPortAsync(int listening, CancellationToken cancellation, string? fault = null)
    {
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            // Only a fault may end it this early, and then there is nothing to wait for.
            if (_process!.HasExited)
            {
                Assert.True(fault is not null, $"The sidecar ended by itself: {await _errors!}");
                return;
            }

            try
            {
                using var probe = new TcpClient();
                await probe.ConnectAsync("127.0.0.1", listening, cancellation);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), cancellation);
            }
        }
    }

    /// <summary>Runs the program to its end; gives its exit code and what it wrote to standard error.</summary>
    public async Task<(int ExitCode, string Errors)> RunToEndAsync(
        CancellationToken cancellation, params string[] arguments)
    {
        Launch(null, arguments);
        return await EndAsync(cancellation);
    }

    /// <summary>Starts the program, whatever becomes of it.</summary>
    public void Launch() => Launch(null, []);

    /// <summary>SIGTERM, as a service manager stops it.</summary>
    public async Task StopAsync(CancellationToken cancellation)
    {
        using Process kill = Process.Start("kill", ["-TERM", $"{_process!.Id}"]);
        await kill.WaitForExitAsync(cancellation);
        await EndAsync(cancellation);
    }

    /// <summary>Waits until it ends by itself.</summary>
    public async Task<(int ExitCode, string Errors)> EndAsync(CancellationToken cancellation)
    {
        await _process!.WaitForExitAsync(cancellation);
        (int ExitCode, string) end = (_process.ExitCode, await _errors!);
        _process.Dispose();
        _process = null;
        return end;
    }

    /// <summary>SIGKILL: no handler runs, no buffer is flushed.</summary>
    public async Task KillAsync()
    {
        if (_process is not null)
        {
            _process.Kill(entireProcessTree: Wrapper.Count > 0);
            await _process.WaitForExitAsync();
            _process.Dispose();
            _process = null;
        }
    }

    public async ValueTask DisposeAsync() => await KillAsync();

    private void Launch(string? fault, string[] arguments)
    {
        string[] command = [.. Wrapper, "dotnet"];
        var start = new ProcessStartInfo(command[0])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string[] all =
        [
            Path.Combine(AppContext.BaseDirectory, "Workflows.DurableTask.Sidecar.dll"),
            "--urls", Address, "--data", folder, "--Logging:LogLevel:Default", "None", .. arguments,
        ];
        foreach (string argument in command.Skip(1).Concat(all))
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["TASKHUB_FAULT"] = fault ?? string.Empty;
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        _errors = _process.StandardError.ReadToEndAsync();
    }
}
