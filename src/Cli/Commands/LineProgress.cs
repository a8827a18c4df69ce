namespace Workflows.Cli.Commands;

/// <summary>
/// Shows lines done and their rate: one line that changes on a terminal, one line every few seconds elsewhere.
/// </summary>
internal sealed class LineProgress(TextWriter output, bool isRedirected, TimeProvider clock)
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    private readonly long _begun = clock.GetTimestamp();
    private long _said = clock.GetTimestamp();
    private int _done;

    public void Report(int done)
    {
        _done = done;
        if (!isRedirected)
        {
            output.Write($"\r{Text()}");
        }
        else if (clock.GetElapsedTime(_said) >= Every)
        {
            _said = clock.GetTimestamp();
            output.WriteLine(Text());
        }
    }

    public void End() => output.WriteLine(isRedirected ? Text() : "");

    private string Text()
    {
        var rate = _done / Math.Max(1e-3, clock.GetElapsedTime(_begun).TotalSeconds);
        return $"{_done} {(_done == 1 ? "line" : "lines")}, {rate:0.0} a second";
    }
}
