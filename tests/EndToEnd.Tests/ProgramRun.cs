using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Workflows.TestKit;

namespace Workflows.EndToEnd.Tests;

/// <summary>One of the product's programs as a process of its own.</summary>
internal sealed partial class ProgramRun : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _output = new(), _error = new();

    private ProgramRun(Process process) => _process = process;

    public string Output => Read(_output);

    public string Error => Read(_error);

    public static ProgramRun Start(string assembly, params string[] arguments) =>
        Start(assembly, allProcessors: false, arguments);

    public static ProgramRun Cli(params string[] arguments) => Start("Workflows.Cli", arguments);

    /// <summary>The command for a training that needs every processor; the others use one, since a model of tests
    /// trains no faster on two and keeps both busy.</summary>
    public static ProgramRun CliOnAllProcessors(params string[] arguments) =>
        Start("Workflows.Cli", allProcessors: true, arguments);

    /// <summary>The command in a shell, which can redirect what it writes.</summary>
    public static ProgramRun InShell(string arguments) =>
        Begin("sh", ["-c", $"exec dotnet '{PathOf("Workflows.Cli")}' {arguments}"], allProcessors: false);

    private static ProgramRun Start(string assembly, bool allProcessors, string[] arguments)
    {
        // Where the tests ignore Ctrl-C, as in the background of a shell, every program that they start would too.
        return OperatingSystem.IsLinux()
            ? Begin("env", ["--default-signal=INT", "dotnet", PathOf(assembly), .. arguments], allProcessors)
            : Begin("dotnet", [PathOf(assembly), .. arguments], allProcessors);
    }

    private static string PathOf(string assembly) => Path.Combine(AppContext.BaseDirectory, $"{assembly}.dll");

    private static ProgramRun Begin(string program, IEnumerable<string> arguments, bool allProcessors)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Checkout.Root,
        };
        start.Environment.Remove("WORKFLOWS_SERVICE");

        // A service of minutes, as in Directory.Build.props: half of its processor time would go to instrumented code.
        start.Environment["DOTNET_TieredPGO"] = "0";
        if (!allProcessors)
        {
            start.Environment["DOTNET_PROCESSOR_COUNT"] = "1";
        }

        var run = new ProgramRun(Process.Start(start)!);
        run._process.OutputDataReceived += (_, line) => Append(run._output, line.Data);
        run._process.ErrorDataReceived += (_, line) => Append(run._error, line.Data);
        run._process.BeginOutputReadLine();
        run._process.BeginErrorReadLine();
        return run;
    }

    /// <summary>Waits for the end.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> EndAsync(TimeSpan deadline)
    {
        using var timeout = new CancellationTokenSource(deadline);
        try
        {
            await _process.WaitForExitAsync(timeout.Token);
            return _process.ExitCode;
        }
        catch (OperationCanceledException)
        {
            Kill();
            Assert.Fail($"Still running after {deadline}.\n{Output}\n{Error}");
            throw;
        }
    }

    /// <summary>Waits until the output says something.</summary>
    public async Task SaysAsync(string text, TimeSpan deadline)
    {
        var started = Stopwatch.GetTimestamp();
        while (!Output.Contains(text, StringComparison.Ordinal))
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < deadline, $"'{text}' was not said.\n{Output}\n{Error}");
            Assert.False(_process.HasExited, $"Ended without saying '{text}'.\n{Output}\n{Error}");
            await Task.Delay(TimeSpan.FromMilliseconds(20));
        }
    }

    /// <summary>As if somebody pulled the plug of this one process.</summary>
    public void Kill()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }
    }

    public void Interrupt() => Assert.Equal(0, SendSignal(_process.Id, 2));

    public void Dispose()
    {
        Kill();
        _process.Dispose();
    }

    private static void Append(StringBuilder text, string? line)
    {
        if (line is not null)
        {
            lock (text)
            {
                text.AppendLine(line);
            }
        }
    }

    private static string Read(StringBuilder text)
    {
        lock (text)
        {
            return text.ToString();
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int pid, int signal);
}
