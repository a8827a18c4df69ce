# What a TPU VM runs: infra/startup-script.sh pulls and starts it. It listens on nothing; it dials the service.
#   docker build -f infra/worker.Dockerfile -t workflows-tpu-worker .
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY . .
RUN dotnet publish src/TpuWorker/Host/Workflows.TpuWorker.Host.csproj -c Release -o /app

# The program asks for ASP.NET Core too: it also runs beside the service, with the libraries that come with it.
FROM mcr.microsoft.com/dotnet/aspnet:10.0
WORKDIR /app
COPY --from=build /app .
# On a TPU VM the start-up script overrides this: only root may open the TPU's device files there.
USER $APP_UID
ENTRYPOINT ["dotnet", "Workflows.TpuWorker.Host.dll"]
