using System.CommandLine;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;
using Workflows.Orchestrations;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows event ID NAME: tells a run something that it waits for or acts on.</summary>
internal static class EventCommand
{
    private static readonly Argument<string> Name = MakeName();

    private static readonly Option<string?> Reason = new("--reason")
    {
        Description = "Why, for the record: 500 characters at most.",
    };

    public static Command Create() => new Command(
        "event", "Approve or reject a run, or finish its training early: workflows event run-1a2b3c4d5e approve")
    {
        WatchCommand.Id, Name, Reason, CommonOptions.Json,
    }.With(async (parsed, link, cancellation) =>
    {
        var id = parsed.GetValue(WatchCommand.Id)!;
        var isJson = parsed.GetValue(CommonOptions.Json);
        var answer = await link.SendAsync(id, parsed.GetValue(Name)!, parsed.GetValue(Reason), cancellation);
        Console.WriteLine(isJson
            ? JsonSerializer.Serialize(answer, RunLedger.Json)
            : TerminalText.Of($"{answer.Id}  {answer.Status}{(answer.WasThere ? " (it had this event before)" : "")}"));

        // Without a service of its own the run goes on here, as it does with the other commands.
        return link.IsInProcess ? await Watcher.WatchAsync(link, id, isJson, cancellation) : ExitCodes.Done;
    });

    /// <summary>Makes the argument, which is completed; the service knows the names, and explains an unknown
    /// one.</summary>
    private static Argument<string> MakeName()
    {
        var name = new Argument<string>("name")
        {
            Description = $"The event: {string.Join(", ", PersonEvents.All)}.",
        };
        name.CompletionSources.Add([.. PersonEvents.All]);
        return name;
    }
}
