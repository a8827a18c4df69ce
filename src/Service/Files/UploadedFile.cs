namespace Workflows.Service.Files;

/// <summary>An uploaded file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">Its SHA-256, 64 hexadecimal digits; in quotes also its ETag.</param>
/// <param name="At">Time of the upload.</param>
/// <param name="By">Name of the caller who uploaded it.</param>
internal sealed record UploadedFile(string Name, long Bytes, string Sha256, DateTimeOffset At, string By);

/// <summary>An uploaded file, as the API shows it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Address">Its address in a request: <c>upload://NAME</c>.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">Its SHA-256, 64 hexadecimal digits; in quotes also its ETag.</param>
/// <param name="At">Time of the upload.</param>
/// <param name="By">Name of the caller who uploaded it.</param>
/// <param name="Runs">Runs that use this content, which stays for them if the file is replaced or deleted.</param>
public sealed record FileView(
    string Name, string Address, long Bytes, string Sha256, DateTimeOffset At, string By, IReadOnlyList<string> Runs);

/// <summary>The uploaded files.</summary>
/// <param name="Files">The files, by name.</param>
/// <param name="Bytes">Bytes of all contents, also of those that only runs use.</param>
/// <param name="MostBytes">Most bytes of all contents together.</param>
public sealed record FilesView(IReadOnlyList<FileView> Files, long Bytes, long MostBytes);

/// <summary>An upload that is refused; nothing of it is kept.</summary>
/// <param name="status">The status of the answer.</param>
/// <param name="code">The code in docs/errors.md.</param>
/// <param name="message">The reason and the fix.</param>
internal sealed class FileRefusedException(int status, string code, string message) : Exception(message)
{
    public int Status { get; } = status;

    public string Code { get; } = code;
}
