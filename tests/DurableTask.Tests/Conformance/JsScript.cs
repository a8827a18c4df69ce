using System.Diagnostics;
using Workflows.TestKit;

namespace Workflows.DurableTask.Tests.Conformance;

/// <summary>One script of the folder <c>Js</c>, run by node against a sidecar.</summary>
internal sealed class JsScript : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Task<string> _errors;

    private JsScript(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    public static async Task<JsScript> StartAsync(string script, string address, JsPackage? package = null)
    {
        string modules = await (package ?? JsPackages.Plain).RequireAsync();
        var start = new ProcessStartInfo("node")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment =
            {
                ["NODE_PATH"] = modules,
                ["WORKFLOWS_JS_MANAGED"] = package == JsPackages.Managed ? "1" : "",
            },
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Js", script));
        start.ArgumentList.Add(new Uri(address).Authority);
        return new JsScript(Process.Start(start)!);
    }

    /// <summary>Waits for the next line; an end without one fails the test with what the script said.</summary>
    public async Task ExpectAsync(string line, CancellationToken cancellation)
    {
        string? found = await _process.StandardOutput.ReadLineAsync(cancellation);
        if (found != line)
        {
            Assert.Fail($"Expected '{line}', not '{found ?? "the end: " + await _errors}'");
        }
    }

    public Task TellAsync(string line) => _process.StandardInput.WriteLineAsync(line);

    /// <summary>Waits for the end; a failed check of the script fails the test.</summary>
    public async Task SucceedAsync(CancellationToken cancellation)
    {
        await _process.WaitForExitAsync(cancellation);
        Assert.True(_process.ExitCode == 0, await _errors);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }
}
