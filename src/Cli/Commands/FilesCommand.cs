using System.CommandLine;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows files: lists, uploads and deletes files that a service keeps for requests.</summary>
internal static class FilesCommand
{
    private static readonly Argument<string> Given = new("file") { Description = "A file of this machine." };

    private static readonly Argument<string> Name = new("name") { Description = "The file's name in the service." };

    private static readonly Option<string?> As = new("--name")
    {
        Description = "Its name in the service; by default the file's with a part of its hash.",
    };

    public static Command Create() => new(
        "files", "List, upload and delete the files of a service: workflows files put pairs.tsv --service URL")
    {
        List(), Put(), Delete(),
    };

    private static Command List() => new Command("list", "List the uploaded files")
    {
        CommonOptions.Json,
    }.With(async (parsed, link, cancellation) =>
    {
        var all = await link.FilesAsync(cancellation);
        if (parsed.GetValue(CommonOptions.Json))
        {
            Console.WriteLine(JsonSerializer.Serialize(all, RunLedger.Json));
            return ExitCodes.Done;
        }

        foreach (var file in all.Files)
        {
            Console.WriteLine(TerminalText.Of(
                $"{file.Address,-44} {file.Bytes,14:N0} bytes  {file.At:yyyy-MM-dd HH:mm}  {file.By}"
                + (file.Runs.Count > 0 ? $"  used by {string.Join(", ", file.Runs)}" : "")));
        }

        Console.WriteLine($"{all.Files.Count} files; {all.Bytes:N0} of {all.MostBytes:N0} bytes are used.");
        return ExitCodes.Done;
    });

    private static Command Put() => new Command("put", "Upload a file, and print its address for requests")
    {
        Given, As,
    }.With(async (parsed, link, cancellation) =>
    {
        var name = await CorpusUpload.PutAsync(
            link, Path.GetFullPath(parsed.GetValue(Given)!), parsed.GetValue(As), Console.Error.WriteLine,
            cancellation);
        Console.WriteLine($"upload://{name}");
        return ExitCodes.Done;
    });

    private static Command Delete() => new Command("delete", "Delete a file; runs that use its content keep it")
    {
        Name,
    }.With(async (parsed, link, cancellation) =>
    {
        await link.DeleteFileAsync(parsed.GetValue(Name)!, cancellation);
        return ExitCodes.Done;
    });
}
