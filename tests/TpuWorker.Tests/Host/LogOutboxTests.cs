using Microsoft.Extensions.Time.Testing;
using Workflows.TpuWorker.Host;
using Workflows.TpuWorker.Protocol;

namespace Workflows.TpuWorker.Tests.Host;

/// <summary>The worker's log on its way to the service: nothing twice, nothing lost while it fits.</summary>
public sealed class LogOutboxTests
{
    [Fact]
    public void Next_LinesThatWereNotAcknowledged_ComeAgainOnTheNextStream()
    {
        using var log = new WorkerLog(TextWriter.Null, new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddSeconds(5)));
        log.WriteLine("first");
        log.Write("sec");
        log.Write("ond\r\nthird\nfour");

        var sent = log.Outbox.Next()!.LogLines;
        Assert.Equal(["first", "second", "third"], sent.Lines.Select(line => line.Text));
        Assert.Equal(5000, sent.Lines[0].UnixMilliseconds);
        Assert.Null(log.Outbox.Next());

        log.Outbox.Acknowledged(new LogAck { Boot = sent.Boot, Number = 2 });
        log.Outbox.Acknowledged(new LogAck { Boot = "another", Number = 3 });
        log.WriteLine("th");
        log.Outbox.Rewind();
        Assert.Equal(
            [(3, "third"), (4, "fourth")],
            log.Outbox.Next()!.LogLines.Lines.Select(line => ((int)line.Number, line.Text)));
    }

    [Fact]
    public void Next_LinesThatTheServiceWantsAgain_ComeBeforeNewOnes()
    {
        using var log = new WorkerLog(TextWriter.Null);
        log.WriteLine("first");
        log.WriteLine("second");
        var boot = log.Outbox.Next()!.LogLines.Boot;
        log.WriteLine("third");
        log.Outbox.Next();

        log.Outbox.Acknowledged(new LogAck { Boot = boot, Number = 1, Again = true });

        Assert.Equal(["second", "third"], log.Outbox.Next()!.LogLines.Lines.Select(line => line.Text));
    }

    [Fact]
    public void Next_FloodOfLines_IsBoundedAndShowsItsGap()
    {
        using var log = new WorkerLog(TextWriter.Null);
        for (var each = 1; each <= LogOutbox.MostLines + 500; each++)
        {
            log.WriteLine($"{each}");
        }

        log.WriteLine(new string('x', 1_000_000));
        var lines = new List<LogLine>();
        while (log.Outbox.Next() is { } message)
        {
            Assert.True(message.CalculateSize() < 2 << 20);
            lines.AddRange(message.LogLines.Lines);
        }

        Assert.Equal(LogOutbox.MostLines, lines.Count);
        Assert.Equal(502, lines[0].Number);
        Assert.Equal(LogOutbox.MostText, lines[^1].Text.Length);
    }
}
