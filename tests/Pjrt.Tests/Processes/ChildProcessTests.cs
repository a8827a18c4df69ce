using System.Diagnostics;
using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Time.Testing;
using Workflows.TestKit;
using Workflows.TpuWorker.Pjrt;
using Workflows.TpuWorker.Pjrt.Processes;

namespace Workflows.Pjrt.Tests.Processes;

/// <summary>A child that answers, hangs, ends, aborts, loses its device and talks nonsense.</summary>
public sealed class ChildProcessTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task RequestAsync_OfRequests_GivesEachItsAnswer()
    {
        await using var child = ChildProcess.Start(Options());

        Assert.Equal("하나", await AskAsync(child, "echo 하나"));
        Assert.Equal("", await AskAsync(child, "echo "));
        Assert.Equal("5000007", await AskAsync(child, $"length {new string('x', 5_000_000)}"));
        var both = await Task.WhenAll(AskAsync(child, "echo a"), AskAsync(child, "echo b"));
        Assert.Equal(["a", "b"], both);
        Assert.Equal(0, await child.StopAsync(Long));
    }

    [Fact]
    public async Task Start_WithVariables_GivesThemToTheChild()
    {
        await using var child = ChildProcess.Start(Options() with
        {
            Environment = new Dictionary<string, string> { ["TPU_SKIP_MDS_QUERY"] = "1" },
        });

        Assert.Equal("1", await AskAsync(child, "variable TPU_SKIP_MDS_QUERY"));
    }

    [Fact]
    public async Task RequestAsync_WithNotes_PassesThemOnBeforeTheAnswer()
    {
        var notes = new List<string>();
        await using var child = ChildProcess.Start(
            Options() with { Note = note => notes.Add(Encoding.UTF8.GetString(note.Span)) });

        Assert.Equal("three", await AskAsync(child, "notes"));
        Assert.Equal(["one", "two"], notes);
    }

    // Plugins print to standard output, which carries the messages.
    [Fact]
    public async Task RequestAsync_OfAChildThatPrints_IsNotDisturbed()
    {
        var lines = Channel.CreateUnbounded<string>();
        await using var child = ChildProcess.Start(Options() with { ErrorLine = line => lines.Writer.TryWrite(line) });

        Assert.Equal("", await AskAsync(child, "print nonsense"));
        Assert.Equal("a", await AskAsync(child, "echo a"));
        Assert.Equal("printed nonsense", await lines.Reader.ReadAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task RequestAsync_OfAChildThatHangs_KillsItAtTheDeadline()
    {
        await using var child = ChildProcess.Start(Options());
        await AskAsync(child, "echo started");

        var fault = await Assert.ThrowsAsync<ChildFaultException>(
            () => AskAsync(child, "hang", TimeSpan.FromMilliseconds(300)));

        Assert.Equal((ChildFault.Hang, true), (fault.Fault, fault.IsGone));
        Assert.Contains("no answer within", fault.Message, StringComparison.Ordinal);
        var again = await Assert.ThrowsAsync<ChildFaultException>(() => AskAsync(child, "echo a"));
        Assert.Same(fault, again);
        await ExitOfAsync(child.Id);
    }

    [Fact]
    public async Task RequestAsync_OfManySteps_HasItsDeadlineFromEachNote()
    {
        var clock = new FakeTimeProvider();
        await using var child = ChildProcess.Start(
            Options() with { Time = clock, Note = _ => clock.Advance(TimeSpan.FromSeconds(2)) });

        var answer = await child.RequestAsync(
            "steps 4"u8.ToArray(), TimeSpan.FromSeconds(2), _ => TimeSpan.FromSeconds(3),
            TestContext.Current.CancellationToken);

        Assert.Equal("done", Encoding.UTF8.GetString(answer));
        var fault = await Assert.ThrowsAsync<ChildFaultException>(() => child.RequestAsync(
            "hang"u8.ToArray(), TimeSpan.FromMinutes(1), _ => TimeSpan.FromMilliseconds(300),
            TestContext.Current.CancellationToken));
        Assert.Equal(ChildFault.Hang, fault.Fault);
        Assert.Contains("said nothing for", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BreakOffAsync_DuringWork_EndsItWithAnAnswer()
    {
        var begun = new TaskCompletionSource();
        await using var child = ChildProcess.Start(Options() with { Note = _ => begun.TrySetResult() });
        var work = AskAsync(child, "steps 10000");
        await begun.Task;

        await child.BreakOffAsync();

        Assert.Equal("stopped", await work);

        // Said too late, it disturbs nothing; neither does it reach the next request.
        await child.BreakOffAsync();
        Assert.Equal("done", await AskAsync(child, "steps 1"));
        await child.StopAsync(Long);
        await child.BreakOffAsync();
    }

    [Fact]
    public async Task RequestAsync_ThatIsCancelled_KillsTheChild()
    {
        using var cancel = new CancellationTokenSource();
        await using var child = ChildProcess.Start(Options() with { Note = _ => cancel.Cancel() });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => child.RequestAsync("hang"u8.ToArray(), Long, cancel.Token));

        await ExitOfAsync(child.Id);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(100)]
    public async Task RequestAsync_OfAChildThatEnds_TellsItsExitCode(int code)
    {
        await using var child = ChildProcess.Start(Options());

        var fault = await Assert.ThrowsAsync<ChildFaultException>(() => AskAsync(child, $"exit {code}"));

        Assert.Equal((ChildFault.Exit, code), (fault.Fault, fault.ExitCode));
        Assert.Equal(["I go."], fault.LastLines);
    }

    [Fact]
    public async Task RequestAsync_OfAChildThatAborts_TellsSignalAndLastWords()
    {
        Skipped.Unless(!OperatingSystem.IsWindows(), "Windows has no signals.");
        await using var child = ChildProcess.Start(Options());

        var fault = await Assert.ThrowsAsync<ChildFaultException>(() => AskAsync(child, "abort"));

        Assert.Equal((ChildFault.Signal, 6), (fault.Fault, fault.SignalNumber));
        Assert.Contains("replica_count > 0", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RequestAsync_OfALostDevice_IsTypedAndLeavesTheChild()
    {
        await using var child = ChildProcess.Start(Options());

        var lost = await Assert.ThrowsAsync<ChildFaultException>(() => AskAsync(child, "lose"));
        var refused = await Assert.ThrowsAsync<ChildFaultException>(() => AskAsync(child, "refuse"));
        var unknown = await Assert.ThrowsAsync<ChildFaultException>(() => AskAsync(child, "dance"));

        Assert.Equal((ChildFault.DeviceLost, PjrtErrorCode.Unavailable), (lost.Fault, lost.PluginCode));
        Assert.Equal((ChildFault.Refused, PjrtErrorCode.ResourceExhausted), (refused.Fault, refused.PluginCode));
        Assert.Equal((ChildFault.Refused, null), (unknown.Fault, unknown.PluginCode));
        Assert.All([lost, refused, unknown], fault => Assert.False(fault.IsGone));
        Assert.Equal("a", await AskAsync(child, "echo a"));
    }

    [Fact]
    public async Task RequestAsync_OfAProgramThatIsNoChild_IsGarbled()
    {
        Skipped.Unless(!OperatingSystem.IsWindows(), "Windows has no 'yes'.");
        await using var child = ChildProcess.Start(new ChildProcessOptions { Program = "yes" });

        var fault = await Assert.ThrowsAsync<ChildFaultException>(() => AskAsync(child, "echo a"));

        Assert.Equal(ChildFault.Garbled, fault.Fault);
        await ExitOfAsync(child.Id);
    }

    [Fact]
    public async Task RequestAsync_OfAProgramThatReadsNothing_IsItsExit()
    {
        Skipped.Unless(!OperatingSystem.IsWindows(), "Windows has no 'false'.");
        await using var child = ChildProcess.Start(new ChildProcessOptions { Program = "false" });

        var fault = await Assert.ThrowsAsync<ChildFaultException>(
            () => AskAsync(child, $"length {new string('x', 5_000_000)}"));

        Assert.Equal((ChildFault.Exit, 1), (fault.Fault, fault.ExitCode));
    }

    [Fact]
    public async Task StopAsync_OfAChildThatHangs_KillsIt()
    {
        Skipped.Unless(!OperatingSystem.IsWindows(), "Windows has no 'sleep'.");
        await using var child = ChildProcess.Start(new ChildProcessOptions { Program = "sleep", Arguments = ["1000"] });

        Assert.Equal(128 + 9, await child.StopAsync(TimeSpan.FromMilliseconds(200)));
    }

    // A terminal or a service manager signals both: the parent drains, the child goes on.
    [Fact]
    public async Task RequestAsync_AfterATerminationSignal_IsAnswered()
    {
        Skipped.Unless(Command.IsInstalled("kill"), "There is no 'kill'.");
        await using var child = ChildProcess.Start(Options());
        await AskAsync(child, "echo started");

        await Command.RunAsync("kill", ["-TERM", $"{child.Id}"]);

        Assert.Equal("a", await AskAsync(child, "echo a"));
        Assert.Equal(0, await child.StopAsync(Long));
    }

    // A parent that is quick has the answer, and has closed the input, before the child sees that it was written.
    [Fact]
    public async Task StopAsync_AtOnceAfterAnAnswer_IsACleanExit()
    {
        await using var child = ChildProcess.Start(Options() with
        {
            Environment = new Dictionary<string, string> { ["SLOW_ANSWERS"] = "1" },
        });

        Assert.Equal("a", await AskAsync(child, "echo a"));
        Assert.Equal(0, await child.StopAsync(Long));
    }

    // A signal is delivered some time after it was sent.
    [Fact]
    public async Task StopAsync_BeforeATerminationSignalArrives_IsACleanExit()
    {
        Skipped.Unless(Command.IsInstalled("kill"), "There is no 'kill'.");
        await using var child = ChildProcess.Start(Options() with
        {
            Environment = new Dictionary<string, string> { ["SIGNAL_AT_END"] = "1" },
        });
        await AskAsync(child, "echo started");

        Assert.Equal(0, await child.StopAsync(Long));
    }

    [Fact]
    public async Task StopAsync_DuringWork_EndsTheChildWhoseParentIsGone()
    {
        var hanging = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var child = ChildProcess.Start(Options() with { Note = _ => hanging.TrySetResult() });
        var work = AskAsync(child, "hang");
        await hanging.Task;

        // The closed input is all that a child sees of a parent that was killed.
        Assert.Equal(128 + 9, await child.StopAsync(Long));
        await Assert.ThrowsAsync<ChildFaultException>(() => work);
    }

    [Fact]
    public async Task Child_WithAPlugin_TellsItsPlatform()
    {
        var plugin = await CpuPlugin.PathOrSkipAsync();
        await using var child = ChildProcess.Start(Options());

        var answer = await AskAsync(child, $"plugin {plugin}");
        var fault = await Assert.ThrowsAsync<ChildFaultException>(() => AskAsync(child, "plugin /nowhere.so"));

        Assert.Matches("^[a-z]+ 0[.][0-9]+$", answer);
        Assert.Equal(ChildFault.Refused, fault.Fault);
        Assert.Contains("no such file", fault.Message, StringComparison.Ordinal);
    }

    private static ChildProcessOptions Options() => new()
    {
        Program = Path.Combine(
            AppContext.BaseDirectory, $"Workflows.TestKit.Pjrt.Child{(OperatingSystem.IsWindows() ? ".exe" : "")}"),
    };

    private static async Task<string> AskAsync(ChildProcess child, string request, TimeSpan? deadline = null) =>
        Encoding.UTF8.GetString(await child.RequestAsync(
            Encoding.UTF8.GetBytes(request), deadline ?? Long, TestContext.Current.CancellationToken));

    private static async Task ExitOfAsync(int id)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        catch (ArgumentException)
        {
            // It is gone already.
        }
    }
}
