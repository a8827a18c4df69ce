using System.Text;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Logs;
using Workflows.TestKit;
using Workflows.TpuWorker.Protocol;
using LogLine = Workflows.Service.Logs.LogLine;

namespace Workflows.Service.Tests.Logs;

/// <summary>The log of a run: numbered once, bounded, and readable whatever is in its files.</summary>
public sealed class RunLogsTests : IDisposable
{
    private static readonly RunId Run = new("logged");
    private static readonly LogFilter All = new(null, null, null, null);
    private readonly TemporaryFolder _folder = new("logs-");
    private readonly RunLedger _ledger;

    public RunLogsTests()
    {
        _ledger = new RunLedger(_folder.Path, TimeProvider.System);
        _ledger.Append(Run, LedgerKinds.Stage, "plan", new { });
    }

    private string Folder => Path.Combine(_ledger.DirectoryOf(Run), "logs");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void After_FilesThatWereRotated_HasEveryKeptLineOnceInOrderFromAnyPlace()
    {
        var logs = new RunLogs(_ledger, mostBytes: 200_000);
        for (var each = 0; each < 3000; each++)
        {
            logs.Append(Run, Line($"line {each} {new string('x', each % 300)}", each % 3 == 0));
        }

        var all = logs.After(Run, All, 0, long.MaxValue, int.MaxValue);
        Assert.InRange(all.Count, 500, 2999);
        Assert.Equal(3000, all[^1].Sequence);
        Assert.Equal(all.Select(line => line.Sequence).Distinct().Order(), all.Select(line => line.Sequence));
        Assert.Equal(Enumerable.Range(2501, 500), all.TakeLast(500).Select(line => (int)line.Sequence));
        Assert.True(Directory.GetFiles(Folder).Sum(file => new FileInfo(file).Length) <= 4 * 200_000);
        foreach (var place in new[] { 0, 1, 250, all.Count / 2, all.Count - 2 })
        {
            var rest = logs.After(Run, All, all[place].Sequence, 3000, 7);
            Assert.Equal(all.Skip(place + 1).Take(7), rest);
        }

        Assert.Equal(all.TakeLast(40), logs.Tail(Run, All, 3000, 40));
        Assert.Equal(
            all.Where(line => line.Source == LogSource.Worker).TakeLast(5),
            logs.Tail(Run, All with { Source = LogSource.Worker }, 3000, 5));
        Assert.Empty(logs.After(Run, All, 3000, 3000, 5));
    }

    [Fact]
    public void Append_AfterAHalfWrittenLine_GoesOnBehindIt()
    {
        new RunLogs(_ledger).Append(Run, Line("first"));
        var path = Assert.Single(Directory.GetFiles(Folder));
        File.AppendAllText(path, """{"sequence":2,"at":"2026-11-29T00:00:00Z","sour""");

        var logs = new RunLogs(_ledger);
        Assert.Equal(["first"], logs.Tail(Run, All, logs.Last(Run), 10).Select(line => line.Text));
        logs.Append(Run, Line("second"));

        Assert.Equal(
            [(1L, "first"), (2L, "second")],
            logs.After(Run, All, 0, 9, 10).Select(line => (line.Sequence, line.Text)));
    }

    [Fact]
    public void Tail_OfFilesWithRubbish_HasTheLinesAmongIt()
    {
        var logs = new RunLogs(_ledger);
        logs.Append(Run, Line("before"));
        var path = Assert.Single(Directory.GetFiles(Folder));
        using (var file = new FileStream(path, FileMode.Append))
        {
            // A megabyte without a line break, lines of other programs, and bytes that are no text.
            file.Write(Encoding.UTF8.GetBytes(new string('x', 1 << 20) + "\n[]\nnull\n7\n{\"sequence\": \"a\"}\n\n"));
            file.Write([0xff, 0xfe, 0x00, 0x0a]);
        }

        logs.Append(Run, Line("after"));

        Assert.Equal(["before", "after"], logs.Tail(Run, All, 9, 10).Select(line => line.Text));
        Assert.Equal(["after"], logs.After(Run, All, 1, 9, 10).Select(line => line.Text));
        Assert.Equal(["before", "after"], logs.After(Run, All, 0, 9, 10).Select(line => line.Text));
    }

    [Fact]
    public void WorkerLines_ThatTheDiskRefused_AreAskedForAgainBeforeLaterOnes()
    {
        File.WriteAllText(Folder, "a file in place of the folder");
        var logs = new RunLogs(_ledger);
        var refused = logs.Append(Run, "n1", "boot", [Worker(1), Worker(2)]);
        File.Delete(Folder);

        var later = logs.Append(Run, "n1", "boot", [Worker(3)]);
        var again = logs.Append(Run, "n1", "boot", [Worker(1), Worker(2), Worker(3)]);

        Assert.Null(refused);
        Assert.Equal((0L, true), later);
        Assert.Equal((3L, false), again);
        Assert.Equal(
            ["1", "2", "3"], logs.Tail(Run, All, 9, 10).Select(line => line.Text).Where(text => text.Length == 1));

        static LogLine Worker(long number) => Line($"{number}") with
        {
            Source = LogSource.Worker,
            Node = "n1",
            Boot = "boot",
            Number = number,
        };
    }

    [Fact]
    public void WorkerLines_ThatTheWorkerHasDropped_AreNotAskedForForEver()
    {
        File.WriteAllText(Folder, "a file in place of the folder");
        var logs = new RunLogs(_ledger);
        logs.Append(Run, "n1", "boot", [Line("1") with { Source = LogSource.Worker, Number = 1 }]);
        File.Delete(Folder);
        LogLine third = Line("3") with { Source = LogSource.Worker, Number = 3 };

        Assert.Equal((0L, true), logs.Append(Run, "n1", "boot", [third]));
        Assert.Equal((3L, false), logs.Append(Run, "n1", "boot", [third]));
    }

    [Fact]
    public void Line_OfAnHostileWorker_IsCutBeforeItIsSearched()
    {
        // Millions of beginnings of a token: a search of the whole would take hours.
        var text = SecretText.Line(string.Concat(Enumerable.Repeat("eyJ-", 1 << 20)));

        Assert.Equal(RunLogs.MostText, text.Length);
    }

    [Fact]
    public void Append_ToADiskThatRefuses_CountsTheLinesOnceThereIsRoom()
    {
        File.WriteAllText(Folder, "a file in place of the folder");
        var logs = new RunLogs(_ledger);
        logs.Append(Run, Line("lost"));
        logs.Append(Run, Line("lost, too"));
        File.Delete(Folder);

        logs.Append(Run, Line("kept"));

        Assert.Equal(
            [(1L, "(2 lines before this one could not be written)"), (2L, "kept")],
            logs.Tail(Run, All, 9, 10).Select(line => (line.Sequence, line.Text)));
    }

    [Fact]
    public void Append_OfAnUnknownRun_LeavesNoFolder()
    {
        new RunLogs(_ledger).Append(new RunId("unknown"), Line("of a run that was purged"));

        Assert.False(Directory.Exists(_folder["runs/unknown"]));
    }

    [Fact]
    public void Take_LinesThatComeAgain_KeepsEachOnceAlsoAfterARestart()
    {
        var node = new NodeName("projects/p/locations/z/nodes/n-1");
        var first = Worker(new RunLogs(_ledger));
        Assert.Equal(2, first.Take(Run, node, Lines("boot-1", (1, "a"), (2, "b")))!.Number);
        Assert.Equal(3, first.Take(Run, node, Lines("boot-1", (2, "b"), (3, "c")))!.Number);

        var logs = new RunLogs(_ledger);
        var second = Worker(logs);
        Assert.Equal(4, second.Take(Run, node, Lines("boot-1", (1, "a"), (2, "b"), (3, "c"), (4, "d")))!.Number);
        Assert.Equal(1, second.Take(Run, node, Lines("boot-2", (1, "again from the start")))!.Number);

        Assert.Equal(
            ["a", "b", "c", "d", "again from the start"], logs.Tail(Run, All, 9, 10).Select(line => line.Text));
        Assert.All(logs.Tail(Run, All with { Node = "n-1" }, 9, 10), line => Assert.Equal("n-1", line.Node));
        Assert.Empty(logs.Tail(Run, All with { Node = "n-2" }, 9, 10));
    }

    [Fact]
    public void Take_HostileLines_AreBoundedAndWithoutSecrets()
    {
        var node = new NodeName("projects/p/locations/z/nodes/n-1");
        var secret = new NodeSecrets(_folder.Path).For(Run, node);
        var key = $"wfk_0123456789ab_{new string('c', 64)}";
        var logs = new RunLogs(_ledger);
        var worker = Worker(logs);

        worker.Take(Run, node, Lines(
            "boot", (1, $"secret {secret} {key} Bearer abcdefgh12345 ya29.a0Ab-c hf_AbCdEfGhIjKl"),
            (2, "\u001b[31mred\r\n\0 \u202eback"), (3, new string('y', 3_000_000)), (-5, "no number")));
        Assert.Null(worker.Take(Run, node, Lines("", (1, "without a start"))));
        Assert.Null(worker.Take(Run, node, Lines(new string('b', 65), (1, "too long a start"))));

        var lines = logs.Tail(Run, All, 9, 10);
        Assert.Equal(3, lines.Count);
        Assert.Equal("secret [secret] [secret] Bearer [secret] [secret] [secret]", lines[0].Text);
        Assert.Equal("\u001b[31mred\r\n\0 \u202eback", lines[1].Text);
        Assert.Equal(RunLogs.MostText, lines[2].Text.Length);
        Assert.DoesNotContain(secret, File.ReadAllText(Path.Combine(Folder, "worker.jsonl")), StringComparison.Ordinal);
    }

    private WorkerLogs Worker(RunLogs logs) => new(logs, new NodeSecrets(_folder.Path), TimeProvider.System);

    private static LogLines Lines(string boot, params (long Number, string Text)[] lines) => new()
    {
        Boot = boot,
        Lines =
        {
            lines.Select(line => new TpuWorker.Protocol.LogLine { Number = line.Number, Text = line.Text }),
        },
    };

    private static LogLine Line(string text, bool isOfWorker = false) => new(
        0, DateTimeOffset.UnixEpoch, isOfWorker ? LogSource.Worker : LogSource.Service, LogSeverity.Information, null,
        null, null, null, text);
}
