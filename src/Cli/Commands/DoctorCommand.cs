using System.CommandLine;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;
using Workflows.Orchestrations;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows doctor [REQUEST]: checks whether a run can work, before it costs money.</summary>
internal static class DoctorCommand
{
    private static readonly Argument<string?> Request = new("request")
    {
        Description = "A request file; without one only this machine and the engine are looked at.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<string[]> Set = new("--set")
    {
        Description = "Change one field of the request, as often as needed.",
        DefaultValueFactory = _ => [],
    };

    public static Command Create() => new Command(
        "doctor", "Check credentials, project, rights, zones, quotas, bucket, image, gateway, models and this machine")
    {
        Request, Set, CommonOptions.Json,
    }.With(async (parsed, link, cancellation) =>
    {
        var json = parsed.GetValue(Request) is { } path
            ? RequestFile.Read(path, null, null, parsed.GetValue(Set))
            : "";
        var found = await link.DoctorAsync(json, cancellation);
        if (parsed.GetValue(CommonOptions.Json))
        {
            Console.WriteLine(JsonSerializer.Serialize(found, RunLedger.Json));
        }
        else
        {
            foreach (var line in found.Lines)
            {
                Console.WriteLine(TerminalText.Of(
                    $"{WireName.Of(line.Level),-5} {line.Check,-15} {line.Finding}"
                    + (line.Fix is { } fix ? $"\n      {"",-15} -> {fix}" : "")));
            }
        }

        return found.Ready ? ExitCodes.Done : ExitCodes.NotReady;
    });
}
