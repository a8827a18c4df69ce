using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Workflows.DurableTask.Tests.Hosting;

/// <summary>This repository's sidecar as a process of its own, in a temporary folder.</summary>
public class SidecarProgram : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("official-").FullName;
    private readonly int _port = Ports.Free();
    private Process? _process;
    private Task<string>? _errors;

    public string Address => $"http://127.0.0.1:{_port}";

    public ValueTask InitializeAsync() => new(StartAsync());

    public async Task StartAsync()
    {
        var start = new ProcessStartInfo("dotnet")
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string[] arguments =
        [
            ProgramPath(), "--urls", Address, "--data", _folder, "--Logging:LogLevel:Default", "None",
        ];
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        _errors = _process.StandardError.ReadToEndAsync();
        await WaitForPortAsync();
    }

    /// <summary>SIGKILL: no handler runs, no buffer is flushed.</summary>
    public async Task KillAsync()
    {
        if (_process is { } process)
        {
            _process = null;
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: true })
        {
            Assert.Fail($"The sidecar ended with {_process.ExitCode}: {await _errors!}");
        }

        await KillAsync();
        Directory.Delete(_folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    private async Task WaitForPortAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (true)
        {
            if (_process!.HasExited)
            {
                Assert.Fail($"The sidecar ended by itself: {await _errors!}");
            }

            try
            {
                using var probe = new TcpClient();
                await probe.ConnectAsync(IPAddress.Loopback, _port, limit.Token);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), limit.Token);
            }
        }
    }

    /// <summary>artifacts/bin/PROJECT/CONFIGURATION, beside this project's own.</summary>
    private static string ProgramPath()
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory);
        return Path.Combine(
            here.Parent!.Parent!.FullName, "Workflows.DurableTask.Sidecar", here.Name,
            "Workflows.DurableTask.Sidecar.dll");
    }
}
