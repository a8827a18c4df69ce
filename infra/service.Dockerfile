# The service: HTTP API on 8080; engine and emulator listen inside the container alone. It does not start without
# authentication and TLS or a declared proxy: docs/security.md.
# The worker lies beside it, because the rehearsal cloud starts it as a process, and the command, which makes keys:
#   docker build -f infra/service.Dockerfile -t workflows-service .
#   docker exec CONTAINER dotnet Workflows.Cli.dll keys make me --role admin --state /data
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY . .
RUN dotnet publish src/Service/Workflows.Service.csproj -c Release -o /app \
    && dotnet publish src/Cli/Workflows.Cli.csproj -c Release -o /app

FROM mcr.microsoft.com/dotnet/aspnet:10.0
WORKDIR /app
COPY --from=build /app .
RUN mkdir /data && chown $APP_UID /data
ENV ASPNETCORE_URLS=http://0.0.0.0:8080 \
    Workflows__StateDirectory=/data \
    Workflows__Access__Authentication=true
VOLUME /data
EXPOSE 8080
USER $APP_UID
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["dotnet", "Workflows.Service.dll", "--health"]
ENTRYPOINT ["dotnet", "Workflows.Service.dll"]
