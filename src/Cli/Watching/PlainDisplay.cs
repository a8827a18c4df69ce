using Workflows.Service.Runs;

namespace Workflows.Cli.Watching;

/// <summary>Shows one line for each fact, and progress every few seconds, for pipes and logs.</summary>
internal sealed class PlainDisplay(TextWriter output, TimeProvider? clock = null) : IRunDisplay
{
    private static readonly TimeSpan ProgressEvery = TimeSpan.FromSeconds(3), VariantsEvery = TimeSpan.FromSeconds(15);

    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private readonly LeftNodes _left = new(clock ?? TimeProvider.System);
    private long _lastProgress;
    private int _lastStep = -1;
    private string _lastTransfer = "";
    private readonly HashSet<string> _said = new(StringComparer.Ordinal);
    private bool _hasBegun;

    public async Task RunAsync(Func<Action<RunView, IReadOnlyList<RunEvent>>, Task> work) => await work(Update);

    public void Notice(string text)
    {
        output.WriteLine($"{_clock.GetUtcNow():HH:mm:ss}  {TerminalText.Of(text)}");
        output.Flush();
    }

    private void Update(RunView run, IReadOnlyList<RunEvent> events)
    {
        if (!_hasBegun)
        {
            _hasBegun = true;
            output.WriteLine($"Run {run.Id} ({TerminalText.Of(run.Name)})");
        }

        foreach (var fact in events)
        {
            if (EventText.RepeatKey(fact) is { } repeat && !_said.Add(repeat))
            {
                continue;
            }

            if (EventText.Of(fact) is { } line)
            {
                output.WriteLine($"{fact.At:HH:mm:ss}  {line}");
            }
        }

        var isDue = _lastProgress == 0 || _clock.GetElapsedTime(_lastProgress) >= ProgressEvery;
        if (run.ProgressAfter(events) is { } progress && progress.Step != _lastStep && isDue)
        {
            _lastProgress = _clock.GetTimestamp();
            _lastStep = progress.Step;
            output.WriteLine($"{_clock.GetUtcNow():HH:mm:ss}  {ProgressText.Of(run, progress)}");
        }

        if (!run.HasEnded && VariantText.Progress(run) is { } variants && variants != _lastTransfer
            && (_lastProgress == 0 || _clock.GetElapsedTime(_lastProgress) >= VariantsEvery))
        {
            (_lastProgress, _lastTransfer) = (_clock.GetTimestamp(), variants);
            output.WriteLine($"{_clock.GetUtcNow():HH:mm:ss}  {TerminalText.Of(variants)}");
        }

        if (run.Transfer is not null && isDue && run.Detail != _lastTransfer)
        {
            (_lastProgress, _lastTransfer) = (_clock.GetTimestamp(), run.Detail);
            output.WriteLine($"{_clock.GetUtcNow():HH:mm:ss}  {TerminalText.Of(run.Detail)}");
        }

        foreach (var line in _left.Due(run, events))
        {
            output.WriteLine($"{_clock.GetUtcNow():HH:mm:ss}  {TerminalText.Of(line)}");
        }

        output.Flush();
    }
}
