using System.CommandLine;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows zones: lists refused places that later runs skip, and forgets them.</summary>
internal static class ZonesCommand
{
    private const string Everything = "all";

    public static Command Create()
    {
        var forget = new Option<string?>("--forget")
        {
            Description = "Forgets the refusals of a zone or region, or \"all\": the next run asks there again.",
        };
        forget.Validators.Add(result =>
        {
            // An empty variable in a script must not forget everything.
            if (string.IsNullOrWhiteSpace(result.GetValueOrDefault<string?>()))
            {
                result.AddError("--forget names no place; give a zone, a region, or \"all\".");
            }
        });
        return new Command("zones", "List the places that refused lately and are passed over: workflows zones")
        {
            forget, CommonOptions.Json,
        }.With(async (parsed, link, cancellation) =>
        {
            if (parsed.GetValue(forget) is { } place)
            {
                var count = await link.ForgetAsync(place == Everything ? null : place, cancellation);
                Console.WriteLine($"Forgot {Counted.Of(count, "refusal")}.");
                return ExitCodes.Done;
            }

            var places = await link.ZonesAsync(cancellation);
            if (parsed.GetValue(CommonOptions.Json))
            {
                Console.WriteLine(JsonSerializer.Serialize(places, RunLedger.Json));
                return ExitCodes.Done;
            }

            foreach (var each in places)
            {
                Console.WriteLine(TerminalText.Of(
                    $"{each.Place,-18} {each.AcceleratorType,-12} {each.Provisioning,-9} until "
                    + $"{each.Until:yyyy-MM-dd HH:mm}Z  {each.Code}  {each.Project}\n    {each.Reason}"));
            }

            Console.WriteLine(places.Count == 0
                ? "No refusal is remembered: every place is asked."
                : "Forget one, or all: workflows zones --forget ZONE, --forget all");
            return ExitCodes.Done;
        });
    }
}
