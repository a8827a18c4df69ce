using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Activities.Sweeping;
using Workflows.Cli.Watching;
using Workflows.Orchestrations;
using Workflows.Service.Sweeping;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows sweep: lists resources left over in the cloud, and deletes them on request.</summary>
internal static class SweepCommand
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    private static readonly Option<bool> Delete = new("--delete")
    {
        Description = "Delete leftover resources, also those not proved to be this service's, and wait for the proof "
            + "that they are gone.",
    };

    private static readonly Option<string?> Project = new("--project")
    {
        Description = "Sweep this Google Cloud project, too; those of earlier runs are always swept.",
    };

    private static readonly Option<string[]> Of = new("--of")
    {
        Description = "With --delete: the id of a service that is no more, and whose resources are to go, too.",
        DefaultValueFactory = _ => [],
    };

    public static Command Create() => new Command(
        "sweep", "List TPU nodes and queued resources that no run keeps, in all zones; with --delete give them back")
    {
        Delete, Project, Of, CommonOptions.Json,
    }.With(async (parsed, link, cancellation) =>
    {
        var request = new SweepRequest
        {
            Delete = parsed.GetValue(Delete),
            Project = parsed.GetValue(Project),
            Of = parsed.GetValue(Of),
        };
        var asJson = parsed.GetValue(CommonOptions.Json);
        var began = TimeProvider.System.GetUtcNow();
        var view = await link.SweepAsync(request, cancellation);
        if (!asJson)
        {
            Print(view);
        }

        view = request.Delete ? await WaitAsync(link, request, view, asJson, began, cancellation) : view;
        if (asJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(view, RunLedger.Json));
        }
        else
        {
            PrintEnd(view, request.Delete);
        }

        return view.Clean ? ExitCodes.Done : ExitCodes.LeftOver;
    });

    /// <summary>Repeats the sweep until no deletion is under way; a deletion that the cloud refuses ends the
    /// wait.</summary>
    private static async Task<SweepView> WaitAsync(
        ServiceLink link, SweepRequest request, SweepView view, bool isQuiet, DateTimeOffset began,
        CancellationToken cancellation)
    {
        var told = new HashSet<string>(StringComparer.Ordinal);
        while (true)
        {
            foreach (var proof in view.GivenBack.Where(each => each.GoneAt >= began).Reverse())
            {
                if (!isQuiet && told.Add($"{proof.Name} {proof.GoneAt}"))
                {
                    Console.WriteLine(TerminalText.Of(ProofText(proof)));
                }
            }

            if (!view.Found.Any(each => each.Step is SweepStep.Asked or SweepStep.Deleting))
            {
                return view;
            }

            await Task.Delay(Pause, cancellation);
            view = await link.SweepAsync(request, cancellation);
        }
    }

    private static void Print(SweepView view)
    {
        foreach (var each in view.Found)
        {
            Console.WriteLine(TerminalText.Of(Text(each)));
        }

        foreach (var each in view.Projects.Where(each => each.Problem is not null))
        {
            Console.WriteLine(TerminalText.Of(
                $"not seen    project {each.Project}: {each.Problem}\n            -> {each.Fix}"));
        }
    }

    private static string Text(FoundResource each)
    {
        var service = each.Service is null ? "" : $", service {each.Service}";
        var price = each.UsdPerHour is { } usd
            ? string.Create(CultureInfo.InvariantCulture, $", {usd:0.00} USD/h") : "";
        var since = each.CreatedAt is { } at
            ? string.Create(CultureInfo.InvariantCulture, $" since {at:yyyy-MM-dd HH:mm}Z") : "";
        return $"{WireName.Of(each.Owner),-13} {each.Name}\n"
            + $"              {each.AcceleratorType}, {each.State}{since}{price}, run {each.Run}{service}\n"
            + $"              {each.Why} {StepText(each)}";
    }

    private static string StepText(FoundResource each) => each.Step switch
    {
        SweepStep.Asked => "Its deletion was asked for.",
        SweepStep.Deleting => "It is being deleted.",
        SweepStep.Refused => $"The cloud refuses to delete it: {each.Refusal}",
        _ => each.Owner switch
        {
            ResourceOwner.ThisService => "The service deletes it at its next look.",
            ResourceOwner.OtherService => $"It is left alone; if that service is no more: --delete --of {each.Service}",
            _ => "It stays until a person deletes it: workflows sweep --delete",
        },
    };

    private static void PrintEnd(SweepView view, bool isDelete)
    {
        if (!isDelete)
        {
            foreach (var proof in view.GivenBack.Reverse())
            {
                Console.WriteLine(TerminalText.Of(ProofText(proof)));
            }
        }

        var left = view.Found.Count(each => each.Owner != ResourceOwner.OtherService);
        var live = view.Projects.Sum(each => each.Live);
        var every = view.EveryMinutes > 0
            ? string.Create(CultureInfo.InvariantCulture, $"every {view.EveryMinutes:0.##} minutes")
            : "never by itself (Workflows:SweepMinutes is 0)";
        Console.WriteLine(
            $"{Counted.Of(view.Projects.Count, "project")} looked over, {Counted.Of(live, "resource")} of live runs, "
            + $"{Counted.Of(left, "resource")} left over. The service, {view.ServiceId}, looks {every}.");
    }

    private static string ProofText(SweptFact proof) => string.Create(
        CultureInfo.InvariantCulture,
        $"proved gone   {proof.Name}\n"
        + $"              run {proof.Run}, asked {proof.AskedAt:yyyy-MM-dd HH:mm:ss}Z, {proof.State} "
        + $"{proof.GoneAt:yyyy-MM-dd HH:mm:ss}Z, operation {proof.Operation}");
}
