using Spectre.Console;
using Workflows.Orchestrations;
using Workflows.Service.Runs;

namespace Workflows.Cli.Watching;

/// <summary>Shows facts that scroll above a bar with the TPU's current work, for terminals.</summary>
internal sealed class LiveDisplay(IAnsiConsole console) : IRunDisplay
{
    private readonly LeftNodes _left = new(TimeProvider.System);
    private readonly HashSet<string> _said = new(StringComparer.Ordinal);

    public Task RunAsync(Func<Action<RunView, IReadOnlyList<RunEvent>>, Task> work) => console.Progress()
        .AutoClear(true)
        .HideCompleted(false)
        .Columns(
            new SpinnerColumn(), new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(),
            new PercentageColumn())
        .StartAsync(async context =>
        {
            var bar = context.AddTask("starting", maxValue: 1);
            bar.IsIndeterminate = true;
            await work((run, events) => Update(bar, run, events));
        });

    public void Notice(string text) =>
        Print($"{TimeProvider.System.GetUtcNow():HH:mm:ss}  {TerminalText.Of(text)}", "yellow");

    private void Update(ProgressTask bar, RunView run, IReadOnlyList<RunEvent> events)
    {
        foreach (var fact in events)
        {
            if (EventText.RepeatKey(fact) is { } repeat && !_said.Add(repeat))
            {
                continue;
            }

            if (EventText.Of(fact) is { } text)
            {
                Print($"{fact.At:HH:mm:ss}  {text}", EventText.ColorOf(fact));
            }
        }

        if (run.Stage is RunStageName.Train or RunStageName.Evaluate
            && run.ProgressAfter(events) is { Steps: > 0 } progress)
        {
            bar.IsIndeterminate = false;
            bar.MaxValue = progress.Steps;
            bar.Value = progress.Step;
            bar.Description = Markup.Escape(
                $"{TerminalText.Of(progress.Detail)}  {ProgressText.Figures(run, progress)}");
        }
        else if (run.Transfer is { TotalBytes: > 0 } transfer)
        {
            bar.IsIndeterminate = false;
            bar.MaxValue = transfer.TotalBytes;
            bar.Value = transfer.Bytes;
            bar.Description = Markup.Escape(TerminalText.Of(run.Detail));
        }
        else
        {
            bar.IsIndeterminate = true;
            var doing = VariantText.Progress(run) is { } variants ? TerminalText.Of(variants) : WireName.Of(run.Stage);
            bar.Description = Markup.Escape($"{doing}  {run.AccruedUsd:0.0000} USD");
        }

        foreach (var line in _left.Due(run, events))
        {
            Notice(line);
        }
    }

    /// <summary>
    /// Prints above the bar. Wraps and pads the text here, since text that scrolls over the bar does not erase it.
    /// </summary>
    private void Print(string text, string color)
    {
        var width = Math.Max(40, console.Profile.Width - 1);
        foreach (var line in text.Split('\n').SelectMany(line => Wrap(line, width)))
        {
            console.MarkupLine($"[{color}]{Markup.Escape(line.PadRight(width))}[/]");
        }
    }

    private static IEnumerable<string> Wrap(string line, int width)
    {
        const string Indent = "            ";
        while (line.Length > width)
        {
            var space = line.LastIndexOf(' ', width - 1, width - Indent.Length);
            var end = space > Indent.Length ? space : width;
            yield return line[..end];
            line = Indent + line[end..].TrimStart();
        }

        yield return line;
    }
}
