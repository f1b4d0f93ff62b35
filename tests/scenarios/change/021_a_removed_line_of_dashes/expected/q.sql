++ y
select 1;
end
