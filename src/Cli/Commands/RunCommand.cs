using System.CommandLine;
using Workflows.Cli.Watching;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows run REQUEST: starts a run and watches it to its end.</summary>
internal static class RunCommand
{
    private static readonly Argument<string> Request = new("request")
    {
        Description = "A request file, such as samples/ko-en.json.",
    };

    private static readonly Option<string?> DataTrain = new("--data-train")
    {
        Description = "Training pairs in place of the request's corpus, whose test and validation files are left out: "
            + ".tsv, .csv, .jsonl and others, several with commas, a folder, or two aligned files a.ko,a.en.",
    };

    private static readonly Option<string?> DataTest = new("--data-test")
    {
        Description = "Test pairs in place of the request's.",
    };

    private static readonly Option<string[]> Set = new("--set")
    {
        Description = "Change one field of the request, as often as needed: --set training.steps=20 --set name=trial.",
        DefaultValueFactory = _ => [],
    };

    private static readonly Option<bool> NoWait = new("--no-wait")
    {
        Description = "Start the run, print its id and return; needs a running service.",
    };

    private static readonly Option<bool> DryRun = new("--dry-run")
    {
        Description = "Show the plan and start nothing, as workflows plan does.",
    };

    public static Command Create() => new Command(
        "run", "Start a run and watch it: workflows run samples/ko-en.json")
    {
        Request, DataTrain, DataTest, Set, CorpusUpload.Wanted, NoWait, DryRun, CommonOptions.Json,
    }.With(async (parsed, link, cancellation) =>
    {
        var json = RequestFile.Read(
            parsed.GetValue(Request)!, parsed.GetValue(DataTrain), parsed.GetValue(DataTest),
            parsed.GetValue(Set));
        if (parsed.GetValue(DryRun))
        {
            return await PlanCommand.ShowAsync(link, json, parsed, hours: null, cancellation);
        }

        RequireService(link, isWatched: !parsed.GetValue(NoWait));
        json = RequestFile.WithId(await CorpusUpload.OfRequestAsync(
            link, json, parsed.GetValue(CorpusUpload.Wanted), Console.Error.WriteLine, cancellation));
        var id = link.IsNamed
            ? await link.StartAsync(json, cancellation)
            : await link.PersistAsync(
                () => link.StartAsync(json, cancellation), Console.Error.WriteLine, cancellation);
        if (parsed.GetValue(NoWait))
        {
            Console.WriteLine(id);
            return ExitCodes.Done;
        }

        return await Watcher.WatchAsync(link, id, parsed.GetValue(CommonOptions.Json), cancellation);
    });

    /// <summary>Refuses to leave a run behind that would pause with this process.</summary>
    /// <param name="link">The service.</param>
    /// <param name="isWatched">false if the command returns before the end of the run.</param>
    /// <exception cref="CommandException">The service is in this process.</exception>
    internal static void RequireService(ServiceLink link, bool isWatched)
    {
        if (!isWatched && link.IsInProcess)
        {
            throw new CommandException(
                "--no-wait needs a service that goes on: start one (dotnet run --project src/Service) and name it "
                + "with --service.", ExitCodes.Invalid);
        }
    }
}
