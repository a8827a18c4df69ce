using System.CommandLine;
using Workflows.Cli.Watching;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows watch ID: resumes watching, and with it a run of the embedded service.</summary>
internal static class WatchCommand
{
    internal static readonly Argument<string> Id = new("id") { Description = "The run's id." };

    public static Command Create() => new Command("watch", "Watch a run to its end: workflows watch run-1a2b3c4d5e")
    {
        Id, CommonOptions.Json,
    }.With((parsed, link, cancellation) => Watcher.WatchAsync(
        link, parsed.GetValue(Id)!, parsed.GetValue(CommonOptions.Json), cancellation));
}
