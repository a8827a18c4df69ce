using System.CommandLine;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows suspend ID: stops a run's work until it is unsuspended, and waits until nothing
/// costs.</summary>
internal static class SuspendCommand
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    private static readonly Option<string> Reason = new("--reason")
    {
        Description = "Why, for the record.",
        DefaultValueFactory = _ => "suspended by the user",
    };

    public static Command Create() => new Command(
        "suspend", "Stop a run's work, give its TPU back, and keep it: workflows suspend run-1a2b3c4d5e")
    {
        WatchCommand.Id, Reason, CommonOptions.Json,
    }.With(async (parsed, link, cancellation) =>
    {
        var id = parsed.GetValue(WatchCommand.Id)!;
        await link.SuspendAsync(id, parsed.GetValue(Reason)!, cancellation);
        var shown = "";
        while (true)
        {
            var run = await link.PersistAsync(
                () => link.ShowAsync(id, cancellation), Console.Error.WriteLine, cancellation);
            var isOver = run.HasEnded || run.Suspension is { IsHeld: true };
            if (parsed.GetValue(CommonOptions.Json))
            {
                if (isOver)
                {
                    Console.WriteLine(JsonSerializer.Serialize(run, RunLedger.Json));
                }
            }
            else if (TerminalText.Of(run.Detail) is var detail && detail != shown)
            {
                Console.WriteLine($"{id}  {detail}");
                shown = detail;
            }

            if (isOver)
            {
                return run.HasEnded ? ExitCodes.Failed : ExitCodes.Done;
            }

            await Task.Delay(Look, cancellation);
        }
    });
}
